"""Weights under the key names of NVIDIA/pix2pixHD: its published and its users' checkpoints (`latest_net_G.pth`)."""

from torch import Tensor

from advloss.interop import state_dicts
from advloss.interop.state_dicts import Component, Result, State, plain, renamed
from advloss.networks.generators.label_maps.pix2pixhd import Pix2PixHDGenerator

PROJECT = "pix2pixHD"


def generator_from(state: State) -> Result:
    """A global generator, or one with any number of local enhancers, with instance or batch norm.

    state: as `torch.load(path, weights_only=True)` gives it. Gives `(component, state)`, as the readers of
    `advloss.interop.junyanz` do, and drops what those drop. A convolution's bias before batch norm, which our networks
    have not, goes into the norm's running mean. Raises InputError that names missing, unexpected and wrongly shaped
    tensors.
    """
    state = plain(state)
    first = state_dicts.kernel(state, "model.1.weight", "a generator", PROJECT)
    halvings = sum(key.count(".") == 2 and tensor.dim() == 4 for key, tensor in state.items() if _within(key, "model"))
    halvings = (halvings - 1) // 2  # there are as many doublings, a first convolution and perhaps a last
    enhancers = 0
    while f"model{enhancers + 1}_1.1.weight" in state:
        enhancers += 1
    blocks = _blocks(state, "model")
    names, end = _coarse(halvings, blocks)
    component: Component = {
        "name": "pix2pixhd",
        "in_channels": first.shape[1],
        "width": first.shape[0],
        "downs": halvings,
        "blocks": blocks,
        "enhancers": enhancers,
        "norm": "batch" if "model.2.weight" in state else "instance",
    }
    for number in range(1, enhancers + 1):
        component["enhancer_blocks"] = _blocks(state, f"model{number}_2")
        more, end = _enhancer(number, component["enhancer_blocks"])
        names |= more
    names[end] = "last"
    component["out_channels"] = state_dicts.kernel(state, f"{end}.weight", "a generator", PROJECT).shape[0]
    if component["norm"] == "batch":
        state = _without_biases(state, names)
    return component, renamed(state, names, Pix2PixHDGenerator, component)


def _within(key: str, root: str) -> bool:
    return key.startswith(f"{root}.")


def _blocks(state: State, root: str) -> int:
    """How many residual blocks stand there."""
    return len({key.split(".")[1] for key in state if _within(key, root) and ".conv_block." in key})


def _normed(theirs: str, at: int, ours: str) -> dict[str, str]:
    return {f"{theirs}.{at}": f"{ours}.conv", f"{theirs}.{at + 1}": f"{ours}.norm"}


def _residual(theirs: str, at: int, ours: str, blocks: int) -> dict[str, str]:
    names = {}
    for i in range(blocks):
        for place, part in ((1, "conv1"), (2, "norm1"), (5, "conv2"), (6, "norm2")):
            names[f"{theirs}.{at + i}.conv_block.{place}"] = f"{ours}.{i}.{part}"
    return names


def _coarse(halvings: int, blocks: int) -> tuple[dict[str, str], str]:
    """Their layers to ours, of the global generator, and their layer of its last convolution."""
    names, at = _normed("model", 1, "coarse.first"), 4
    for i in range(halvings):
        names |= _normed("model", at + 3 * i, f"coarse.downs.{i}")
    at += 3 * halvings
    names |= _residual("model", at, "coarse.blocks", blocks)
    at += blocks
    for i in range(halvings):
        names |= _normed("model", at + 3 * i, f"coarse.ups.{i}")
    return names, f"model.{at + 3 * halvings + 1}"


def _enhancer(number: int, blocks: int) -> tuple[dict[str, str], str]:
    """The same of an enhancer; theirs count from 1, innermost first."""
    front, back, ours = f"model{number}_1", f"model{number}_2", f"enhancers.{number - 1}"
    names = _normed(front, 1, f"{ours}.front.first") | _normed(front, 4, f"{ours}.front.down")
    names |= _residual(back, 0, f"{ours}.back.blocks", blocks) | _normed(back, blocks, f"{ours}.back.up")
    return names, f"{back}.{blocks + 4}"


def _without_biases(state: State, names: dict[str, str]) -> dict[str, Tensor]:
    """The state without the biases of convolutions before batch norms: norm(x + b) with the mean m is norm(x) with the
    mean m - b."""
    left, theirs = dict(state), {ours: layer for layer, ours in names.items()}
    for layer, ours in names.items():
        mean = f"{theirs.get(ours.replace('conv', 'norm'), '')}.running_mean"
        if "conv" in ours and mean in left and (bias := left.pop(f"{layer}.bias", None)) is not None:
            left[mean] = left[mean] - bias
    return left
