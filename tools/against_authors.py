#!/usr/bin/env python3
"""Every recipe's losses beside its authors' own code, on the same tensors and weights.

    python tools/against_authors.py CHECKOUTS
    python tools/against_authors.py CHECKOUTS --only esrgan realesrgan --out tests/tools/authors.json

CHECKOUTS is a folder with the authors' repositories under their own names: pytorch-CycleGAN-and-pix2pix, pix2pixHD,
BasicSR, Real-ESRGAN, taming-transformers, latent-diffusion, LlamaGen. A recipe whose authors' checkout is not there is
left out, and named. Each line is what one term adds to the generator's loss, or a discriminator's loss, weighted; or
the norm of the gradient of all of them; or the iteration from which an adversary counts. The last column is ours /
theirs.

--out writes the authors' figures, with which a test compares ours where there is no checkout.
Exit code: 0 where all agree to 1e-5, 1 where one does not, 2 for bad input.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # also where advloss is not installed

from advloss.core.errors import InputError  # noqa: E402
from advloss.core.storage.files import replacing  # noqa: E402
from tools.authors import basicsr, junyanz, label_maps, tokenizers  # noqa: E402
from tools.authors.scene import SMALL, Scene, ours  # noqa: E402

AUTHORS: dict[str, tuple[Callable[..., dict[str, float]], tuple[str, ...]]] = {
    "cyclegan": (junyanz.cyclegan, (junyanz.PROJECT,)),
    "pix2pix": (junyanz.pix2pix, (junyanz.PROJECT,)),
    "pix2pixhd": (label_maps.pix2pixhd, (label_maps.PROJECT,)),
    "rrdbnet": (basicsr.rrdbnet, ("BasicSR",)),
    "esrgan": (basicsr.esrgan, ("BasicSR",)),
    "realesrgan": (basicsr.realesrgan, ("BasicSR", "Real-ESRGAN")),
    "vqgan-f16": (tokenizers.taming, ("taming-transformers",)),
    "vqgan-f8": (tokenizers.latent_diffusion_vq, ("taming-transformers", "latent-diffusion")),
    "klvae-f8": (tokenizers.latent_diffusion_kl, ("taming-transformers", "latent-diffusion")),
    "llamagen-vq16": (tokenizers.llamagen, ("LlamaGen",)),
}
"""By recipe: its authors' figures, and the checkouts that they are computed from."""
assert AUTHORS.keys() == SMALL.keys()
TOLERANCE = 1e-5


def theirs(recipe: str, folder: Path) -> dict[str, float]:
    """The authors' figures. Raises InputError where a checkout is not there."""
    compute, projects = AUTHORS[recipe]
    missing = [project for project in projects if not (folder / project).is_dir()]
    if missing:
        raise InputError(f"{recipe}: {folder} has no {' and no '.join(missing)}")
    first, *others = (folder / project for project in projects)
    return compute(first, Scene(recipe), *others)


def ratio(mine: float, other: float) -> float:
    """ours / theirs; two zeros are equal."""
    return 1.0 if mine == other else mine / other if other else float("inf")


def main(words: list[str] | None = None) -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", type=Path)
    parser.add_argument("--only", nargs="+", choices=AUTHORS, default=[*AUTHORS])
    parser.add_argument("--out", type=Path, help="a JSON file for the authors' figures")
    arguments = parser.parse_args(words)
    found: dict[str, dict[str, float]] = {}
    wrong = 0
    for recipe in arguments.only:
        try:
            found[recipe] = theirs(recipe, arguments.checkouts)
        except InputError as error:
            print(f"against_authors: {error}", file=sys.stderr)
            continue
        mine = ours(Scene(recipe))
        for name in sorted(mine.keys() | found[recipe].keys()):
            pair = mine.get(name, float("nan")), found[recipe].get(name, float("nan"))
            differs = not (pair[0] == pair[1] if name.endswith(".start") else abs(ratio(*pair) - 1) < TOLERANCE)
            wrong += differs
            said = f"{recipe:14} {name:40} {pair[0]:<14.8g} {pair[1]:<14.8g} {ratio(*pair):.6g}"
            print(said + ("  <-" if differs else ""), flush=True)
    if not found:
        return InputError.exit_code
    if arguments.out:
        with replacing(arguments.out) as temporary:
            temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
