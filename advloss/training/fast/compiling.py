"""torch.compile for an iteration's networks: kernels that do several operations at once."""

from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.recipe.build import Built
from advloss.recipe.terms import by_name

SHORT = 5000
"""Runs of fewer iterations are not compiled with `auto`: to compile each network and shape takes longer than it
saves."""
VARIANTS = 64
"""How many compiled forms of one function torch keeps. Networks of one class share a function, and each needs several:
for fakes alone and for fakes with real images, with and without gradients of its parameters."""


def compile_networks(built: Built, device: torch.device, say: Callable[[str], None]) -> bool:
    """Compiles the networks of the method and of the terms in place, if `train.compile` asks for it. Gives whether it
    did.

    A network is compiled at its first call with each shape. `auto` compiles on a GPU with triton, for runs of at least
    `SHORT` iterations, and not for float64. Penalties, which differentiate twice, and what the compiler can't compile
    run as they are written.

    Raises InputError for `on` if the compiler can't be used here.
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
    for network in dict.fromkeys([*built.method.networks, *of_terms]):
        network.compile(dynamic=False)
    return True


def _missing(device: torch.device) -> str | None:
    """What the compiler needs and does not find, in words; None if it finds all."""
    if device.type == "cuda":
        return None if find_spec("triton") else "triton is not installed"
    from torch._inductor import cpp_builder, exc  # late: it takes seconds

    try:
        cpp_builder.get_cpp_compiler()
    except exc.InvalidCxxCompiler:
        return "there is no C++ compiler (g++) here"
    return None


def _owner(method: nn.Module) -> nn.Module | None:
    """The module that has the weight `last_layer` of the method; None if there is none."""
    weight = method.last_layer
    return next((module for module in method.modules() if getattr(module, "weight", None) is weight), None)
