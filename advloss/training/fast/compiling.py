"""torch.compile for an iteration's networks: kernels that do several operations at once."""

from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.recipe.build import Built
from advloss.recipe.terms import by_name

SHORT = 5000
"""Iterations below which `auto` takes it that compiling, once a network and shape, would not pay."""
VARIANTS = 64
"""How many compiled forms of one function torch keeps: networks of one class share it, and each needs a few, for its
batches of one and two halves and for the steps with and without a gradient of its own."""


def compile_networks(built: Built, device: torch.device, say: Callable[[str], None]) -> bool:
    """Compiles the networks of the method and of the terms in place, as `train.compile` says; gives whether it did.

    Compiled at their first call, in each shape anew. auto: on a GPU, where triton is there, for runs long enough
    (SHORT) and not for float64. Penalties, which differentiate twice, run as they are written, and so does what the
    compiler can't do.

    Raises InputError where it is asked for and can't be.
    """
    train = built.recipe.train
    asked = train.compile
    short = train.iterations is not None and train.iterations < SHORT
    if asked == "off" or (asked == "auto" and (device.type != "cuda" or short or train.precision == "fp64")):
        return False
    missing = _missing(device)
    if missing and asked == "on":
        raise InputError(f"train.compile=on: {missing}; use off")
    if missing:
        say(f"networks are not compiled: {missing}")
        return False
    torch._dynamo.config.recompile_limit = max(VARIANTS, torch._dynamo.config.recompile_limit)
    torch._dynamo.config.suppress_errors = True  # what can't be compiled runs as it is written, with a warning
    last = _owner(built.method) if built.weighting.compared_at == "last_layer" else None
    if last is not None:  # compared gradients end there: its own pass must not be one with all before it
        last.forward = torch.compiler.disable(last.forward)
    of_terms = [network for term in by_name(built.terms).values() for network in term.networks]
    for network in [*built.method.networks, *of_terms]:
        network.compile(dynamic=False)
    return True


def _missing(device: torch.device) -> str | None:
    """What the compiler needs and does not find."""
    if device.type == "cuda":
        return None if find_spec("triton") else "triton is not installed"
    from torch._inductor import cpp_builder, exc  # late: it takes seconds

    try:
        cpp_builder.get_cpp_compiler()
    except exc.InvalidCxxCompiler:
        return "there is no C++ compiler (g++) here"
    return None


def _owner(method: nn.Module) -> nn.Module | None:
    """The module whose weight the method's last layer is."""
    weight = method.last_layer
    return next((module for module in method.modules() if getattr(module, "weight", None) is weight), None)
