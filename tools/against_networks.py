#!/usr/bin/env python3
"""Networks that make images from noise or from label maps, discriminators on frozen networks, and their losses, beside
their authors' own code, on the same weights.

    python tools/against_networks.py CHECKOUTS
    python tools/against_networks.py CHECKOUTS --only r3gan --out tests/tools/networks.json

CHECKOUTS is a folder with the authors' repositories under their own names: R3GAN, examples (of pytorch),
stylegan2-ada-pytorch, projected_gan, stylegan-t, pix2pixHD, SPADE. What has no checkout there is left out, and
named. `projected` also needs the folder of published weights that ADVLOSS_REAL_WEIGHTS names. Each line is a tensor,
and the largest difference between ours and theirs, divided by their largest value.

--out writes figures of the authors' tensors, with which a test compares ours where there is no checkout: a tensor's
sum weighted by drawn numbers, in which every value counts.
Exit code: 0 where all agree to 1e-5, 1 where one does not, 2 for bad input.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # also where advloss is not installed

from advloss.core.errors import InputError  # noqa: E402
from advloss.core.storage.files import replacing  # noqa: E402
from tools.authors import label_maps, networks, on_features  # noqa: E402
from tools.authors.scene import drawn  # noqa: E402

COMPARED: dict[str, tuple[Callable[[], networks.Tensors], Callable[[Path], networks.Tensors], str]] = {
    "r3gan": (networks.our_r3gan, networks.r3gan, "R3GAN"),
    "dcgan": (networks.our_dcgan, networks.dcgan, "examples"),
    "minibatch deviation": (networks.our_deviation, networks.deviation, "stylegan2-ada-pytorch"),
    "projected": (on_features.our_projected, on_features.projected, "projected_gan"),
    "dino": (on_features.our_dino, on_features.dino, "stylegan-t"),
    "pix2pixhd": (label_maps.our_pix2pixhd, label_maps.pix2pixhd_networks, "pix2pixHD"),
    "spade": (label_maps.our_spade, label_maps.spade, "SPADE"),
}
"""Ours, theirs, and their repository."""
TOLERANCE = 1e-5


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference of two tensors of one shape, divided by the second's largest value."""
    return float((ours - theirs).abs().max() / theirs.abs().max())


def figures(tensors: networks.Tensors) -> dict[str, float]:
    """Of each tensor one number in which every value counts."""
    return {name: float(tensor.flatten() @ drawn(name, tensor.numel())) for name, tensor in sorted(tensors.items())}


def main(words: list[str] | None = None) -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", type=Path)
    parser.add_argument("--only", nargs="+", choices=COMPARED, default=[*COMPARED])
    parser.add_argument("--out", type=Path, help="a JSON file for the authors' figures")
    arguments = parser.parse_args(words)
    found: dict[str, dict[str, float]] = {}
    wrong = 0
    for system in arguments.only:
        ours, theirs, project = COMPARED[system]
        if not (arguments.checkouts / project).is_dir():
            print(f"against_networks: {system}: {arguments.checkouts} has no {project}", file=sys.stderr)
            continue
        mine, others = ours(), theirs(arguments.checkouts / project)
        assert mine.keys() == others.keys()
        found[system] = figures(others)
        for name in sorted(mine):
            apart = difference(mine[name], others[name])
            wrong += not apart < TOLERANCE
            said = f"{system:20} {name:32} {tuple(mine[name].shape)!s:18} {apart:.2g}"
            print(said + ("" if apart < TOLERANCE else "  <-"), flush=True)
    if not found:
        return InputError.exit_code
    if arguments.out:
        with replacing(arguments.out) as temporary:
            temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
