#!/usr/bin/env python3
"""CUT and FastCUT beside their authors' own code: feature maps, and four whole training iterations in float64.

    python tools/golden_cut.py CHECKOUT
    python tools/golden_cut.py CHECKOUT --out tests/tools/cut.safetensors

CHECKOUT is a checkout of taesungp/contrastive-unpaired-translation. Its CUTModel is trained as its train.py does, at
small widths, with its default options; ours begins with the same weights and draws the same places and flips. Each line
is a tensor, and the largest difference between ours and theirs, divided by their largest value.

--out writes a golden file, with which a test compares ours where there is no checkout: `weights.{G,D,F}.*` at the start
under the authors' keys, `images.{a,b}`, `output` and `maps.*` of the first image, and of each mode what was drawn
(`places.*`, `flipped`), `loss.*` of each iteration and some weights `after.*` the last. Its metadata says what was run.
Exit code: 0 where maps agree to 1e-5 and the iterations to 1e-8, 1 where one does not, 2 for bad input.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # also where advloss is not installed

from safetensors.torch import save_file  # noqa: E402

from advloss.core.errors import InputError  # noqa: E402
from advloss.core.storage.files import replacing  # noqa: E402
from tools.against_networks import difference  # noqa: E402
from tools.authors import cut  # noqa: E402
from tools.benchmarks.peers.base import commit  # noqa: E402

MAPS, ITERATIONS = 1e-5, 1e-8


def differences(tensors: cut.Tensors) -> list[tuple[str, float, float]]:
    """Of each compared tensor its name, how far ours is from the authors', and how far it may be."""
    maps = cut.our_maps(tensors)
    found = [(name, difference(maps[name].float(), tensors[name]), MAPS) for name in maps]
    for recipe in cut.MODES:
        mine, others = cut.ours(tensors, recipe), cut.expected(tensors, recipe)
        assert mine.keys() == others.keys()
        found += [(f"{recipe}.{name}", difference(mine[name], others[name]), ITERATIONS) for name in sorted(mine)]
    return found


def main(words: list[str] | None = None) -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--out", type=Path, help="a safetensors file for the authors' tensors")
    arguments = parser.parse_args(words)
    checkout = arguments.checkout.resolve()
    if not (checkout / "models" / "cut_model.py").is_file():
        print(f"golden_cut: {arguments.checkout}: is no checkout of {cut.PROJECT}", file=sys.stderr)
        return InputError.exit_code
    try:
        tensors = cut.theirs(checkout)
    except InputError as error:
        print(f"golden_cut: {error}", file=sys.stderr)
        return InputError.exit_code
    wrong = 0
    for name, apart, most in differences(tensors):
        wrong += not apart < most
        print(f"{name:40} {apart:.2g}" + ("" if apart < most else "  <-"))
    if arguments.out:
        said = {"source": f"taesungp/{cut.PROJECT}", "commit": commit(checkout), "options": cut.WORDS}
        with replacing(arguments.out) as temporary:
            metadata = {name: json.dumps(value) for name, value in said.items()}
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
