#!/usr/bin/env python3
"""What the papers of the family claim, measured here: the figures of docs/family.md.

    python tools/claim.py modes --data digits --out docs/family/modes-digits.json
    python tools/claim.py classes --data digits --out docs/family/classes-digits.json
    python tools/claim.py adaptation --out docs/family/adaptation.json
    python tools/claim.py labels --data MNIST --out docs/family/labels-mnist.json
    python tools/claim.py choice --out docs/family/choice.json
    python tools/claim.py ring --out docs/family/ring.json --plot docs/images/family-ring.png
    python tools/claim.py critic --out docs/family/critic.json --plot docs/images/family-critic.png
    python tools/claim.py strong --out docs/family/strong.json --plot docs/images/family-strong.png

Each sub-command is one module of tools/claims with two functions: `options`, which adds its arguments to a parser, and
`run`, from the parsed arguments to the result. They train by the command line, as a user does.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # also where advloss is not installed

from advloss.core.errors import InputError  # noqa: E402
from tools.benchmarks.measuring import report  # noqa: E402
from tools.claims import (  # noqa: E402
    adaptation,
    choice,
    classes,
    critic,
    growing,
    holes,
    labels,
    latents,
    modes,
    points,
    ring,
    strong,
)

MODULES = (modes, classes, points, strong, critic, ring, adaptation, labels, latents, growing, holes, choice)
COMMANDS: dict[str, ModuleType] = {module.__name__.rpartition(".")[2]: module for module in MODULES}


def main(words: list[str] | None = None) -> int:
    """Runs one sub-command; gives the exit code: 0, or 2 for bad input."""
    words = sys.argv[1:] if words is None else words
    arguments = parser().parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        arguments.work = arguments.work or Path(folder)
        arguments.work.mkdir(parents=True, exist_ok=True)
        try:
            result = COMMANDS[arguments.claim].run(arguments)
        except InputError as error:
            print(f"claim: {error}", file=sys.stderr)
            return InputError.exit_code
    report.publish(report.document(arguments.claim, words, result, "tools/claim.py"), arguments.out)
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = whole.add_subparsers(dest="claim", required=True)
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        command.add_argument("--out", type=Path, help="the JSON file to write, besides printing it")
        command.add_argument("--work", type=Path, help="the folder for the runs, which are then kept and gone on with")
        module.options(command)
    return whole


if __name__ == "__main__":
    sys.exit(main())
