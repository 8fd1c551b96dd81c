"""What a model file's recipe would build, found out before it is built: its sizes against the tensors in the file."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode

from advloss.core.errors import InputError
from advloss.methods.base import Method
from advloss.methods.uses import translations
from advloss.recipe.build_method import build_method
from advloss.recipe.schema import Recipe

PARTS_MOST = 1000
PARTS_EACH = 8
"""A method may have so many parts (modules, parameters, buffers), and so many more for each tensor of its file."""
LOOSE_MOST = 2**26
"""Elements of buffers that are in no file: masks, kernels, tables of positions."""
SHOWN = 3
IN_PLACE = ("normal_", "uniform_", "fill_", "zero_", "mul_", "div_", "add_", "sub_", "clamp_", "erfinv_", "copy_")
FILLING = frozenset({F.normalize, *(getattr(Tensor, name) for name in IN_PLACE)})
"""Functions that give a tensor other values and the same shape; all of `nn.init` does too."""
SCALING = frozenset(getattr(Tensor, name) for name in ("mul", "sub", "div", "add", "__mul__", "__rmul__"))
"""Functions that do so with a number."""
DRAWING = frozenset({torch.rand, torch.randn})
Shapes = Mapping[str, tuple[int, ...]]


def check_sizes(recipe: Recipe, shapes: Shapes) -> None:
    """Raises InputError unless the recipe's method has just the tensors of these names and shapes.

    A model of two directions may have the weights of one only. The method is made on the meta device, where nothing is
    allocated, and given up as soon as it has more parts than the tensors can fill.
    """
    if not shapes:
        raise InputError("it holds no tensors")
    method = _on_meta(recipe, PARTS_MOST + PARTS_EACH * len(shapes))
    if method is None:
        return
    state = method.state_dict()
    loose = sum(buffer.numel() for name, buffer in method.named_buffers() if name not in state)
    if loose > LOOSE_MOST:
        raise InputError(f"its recipe has {loose:,} elements in buffers, more than any network here")
    skipped = tuple(f"{name}." for name in absent_networks(method, shapes))
    wanted = {name: tuple(like.shape) for name, like in state.items() if not name.startswith(skipped)}
    if why := differences(wanted, shapes):
        raise InputError(why)


def absent_networks(method: Method, names: Mapping[str, Any]) -> list[str]:
    """The networks of which no tensor is there, if those of another one are: an imported model has one direction."""
    networks = [direction.network for direction in translations(method.uses).values()]
    absent = [name for name in networks if not any(key.startswith(f"{name}.") for key in names)]
    return absent if len(absent) < len(networks) else []


def differences(wanted: Shapes, found: Shapes) -> str:
    """`missing: ...; unexpected: ...; of another shape: ...`, the first few of each; empty if there are none."""
    other = [f"{k} ({list(found[k])}, not {list(wanted[k])})" for k in wanted if k in found and wanted[k] != found[k]]
    kinds = {
        "missing": [name for name in wanted if name not in found],
        "unexpected": [name for name in found if name not in wanted],
        "of another shape": other,
    }
    return "; ".join(f"{kind}: {_few(names)}" for kind, names in kinds.items() if names)


def _few(names: list[str]) -> str:
    shown = [name if len(name) <= 200 and name.isprintable() else f"{ascii(name)[:80]}..." for name in names[:SHOWN]]
    return ", ".join(shown) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _on_meta(recipe: Recipe, most: int) -> Method | None:
    """The method on the meta device; None if a component of the user's own computes with values when it is made."""
    try:
        with torch.device("meta"), _Unfilled(), _at_most(most):
            return build_method(recipe)
    except InputError:
        raise
    except Exception as error:  # whatever a network's constructor says to sizes that it was not made for
        if "meta tensor" in str(error) or isinstance(error, NotImplementedError):
            return None
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"its recipe's networks can't be built: {why}") from None


class _Unfilled(TorchFunctionMode):
    """Leaves out what gives weights their first values: on the meta device that does nothing, and takes seconds."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The function's result; of a filling one, the tensor itself; of a drawing one, a tensor without values."""
        kwargs = kwargs or {}
        if func in FILLING or getattr(func, "__module__", "") == nn.init.__name__:
            return args[0] if args else kwargs["tensor"]
        if func in SCALING and len(args) == 2 and isinstance(args[1], int | float):
            return args[0]
        return (torch.empty if func in DRAWING else func)(*args, **kwargs)


@contextmanager
def _at_most(most: int) -> Iterator[None]:
    """Raises InputError as soon as more modules, parameters and buffers are made than `most`."""
    count = 0

    def add(module: nn.Module, name: str, part: nn.Module | Tensor | None) -> None:
        nonlocal count
        count += 1
        if count > most:
            raise InputError("its recipe has more layers than the file has tensors for")

    handles = [
        hooks.register_module_module_registration_hook(add),
        hooks.register_module_parameter_registration_hook(add),
        hooks.register_module_buffer_registration_hook(add),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
