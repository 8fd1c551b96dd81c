#!/usr/bin/env python3
"""How fast advloss is on this machine, beside the machine's peaks, other projects' loops and other checkouts.

    python tools/benchmark.py iteration --recipe cyclegan --peer pytorch-CycleGAN-and-pix2pix --out iteration.json
    python tools/benchmark.py iteration --recipe pix2pix --precision fp32 networks.generator.width=32 --iterations 10
    python tools/benchmark.py upscale --network rrdbnet --peer BasicSR
    python tools/benchmark.py tokenizer --recipe vqgan-f16
    python tools/benchmark.py data
    python tools/benchmark.py adversarial --size 128
    python tools/benchmark.py quality --recipes cyclegan-small
    python tools/benchmark.py scaling --plot scaling.png
    python tools/benchmark.py against CHECKOUT --pairs 15
    python tools/benchmark.py company --programs 2
    python tools/benchmark.py doctor --pairs 30 --out docs/benchmarks/doctor-cost-cpu.json
    python tools/benchmark.py startup
    python tools/benchmark.py table --check

Each sub-command is one module of tools/benchmarks with two functions: `options`, which adds its arguments to a parser,
and `run`, from the parsed arguments to the result. What is compared is measured in alternation, because a machine's
speed drifts; compare results of one machine only.

--peer: another project's checkout; its own code is imported from there. Its iteration and ours start from the same
weights, and are refused unless they give the same losses.
"""

import argparse
import sys
from pathlib import Path
from types import ModuleType

import torch

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # also where advloss is not installed

from advloss.core.allocator import keep_freed_memory  # noqa: E402
from advloss.core.errors import InputError  # noqa: E402
from tools.benchmarks import (  # noqa: E402
    adversarial,
    against,
    company,
    data,
    doctor,
    iteration,
    quality,
    scaling,
    startup,
    tokenizer,
    upscale,
)
from tools.benchmarks.measuring import report, table  # noqa: E402

COMMANDS: dict[str, ModuleType] = {
    "iteration": iteration,
    "upscale": upscale,
    "tokenizer": tokenizer,
    "data": data,
    "adversarial": adversarial,
    "quality": quality,
    "scaling": scaling,
    "against": against,
    "company": company,
    "doctor": doctor,
    "startup": startup,
    "table": table,
}


def main(words: list[str] | None = None) -> int:
    """Runs one sub-command; gives the exit code: 0, or 2 for bad input."""
    words = sys.argv[1:] if words is None else words
    arguments = parser().parse_args(words)
    keep_freed_memory()  # as the command line does
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    try:
        result = COMMANDS[arguments.benchmark].run(arguments)
    except InputError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return InputError.exit_code
    if result is None:  # the table measures nothing
        return 0
    report.publish(report.document(arguments.benchmark, words, result), arguments.out)
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = whole.add_subparsers(dest="benchmark", required=True)
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        command.add_argument("--out", type=Path, help="the JSON file to write, besides printing it")
        command.add_argument("--threads", type=int, help="of PyTorch on the CPU; all cores if not given")
        module.options(command)
    return whole


if __name__ == "__main__":
    sys.exit(main())
