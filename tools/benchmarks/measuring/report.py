"""The JSON document of a benchmark: the command, the machine, the versions and the result."""

import json
import platform
import shlex
from pathlib import Path
from typing import Any

import numpy
import PIL
import torch
import torchvision

import advloss
from advloss.core.storage.files import replacing
from tools.benchmarks.measuring import measure
from tools.benchmarks.peers import peers_in
from tools.benchmarks.peers.base import commit

WHERE = ("--out", "--plot", "--work")


def document(
    name: str, words: list[str], result: dict[str, Any], program: str = "tools/benchmark.py"
) -> dict[str, Any]:
    """words: the command line after the program's name."""
    return {
        "benchmark": name,
        "command": command(words, program),
        "machine": machine(),
        "versions": versions(),
        "result": result,
    }


def publish(made: dict[str, Any], out: Path | None) -> None:
    """Prints a document, and writes it to a file if one is named."""
    text = json.dumps(made, indent=2)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    print(text)


def command(words: list[str], program: str = "tools/benchmark.py") -> str:
    """The command that makes the result again, without places on this machine: WHERE is left out, a peer's
    checkout is called by its project's name, a checkout of advloss by its commit, and other files and folders by their
    last name."""
    kept: list[str] = []
    words = [part for word in words for part in _apart(word)]
    while words:
        word = words.pop(0)
        if word in WHERE:
            words.pop(0)
        elif word == "--peer":
            kept += [word, peers_in(Path(words.pop(0)))[0].project]
        elif Path(word, "advloss/__init__.py").is_file():
            kept.append(commit(Path(word)) or "CHECKOUT")
        elif "/" in word and Path(word).exists():
            kept.append(Path(word).name)
        else:
            kept.append(word)
    return shlex.join(["python", program, *kept])


def _apart(word: str) -> list[str]:
    """`--out=x` as `--out`, `x`."""
    name, sign, value = word.partition("=")
    return [name, value] if sign and name in (*WHERE, "--peer") else [word]


def machine() -> dict[str, Any]:
    """The processor, the cores that this process may use, its threads, and the GPU if there is one."""
    found: dict[str, Any] = {
        "cpu": _cpu(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cores": measure.cores(),
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "gpu": None,
    }
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        found |= {"gpu": properties.name, "gpu_memory_bytes": properties.total_memory}
    return found


def versions() -> dict[str, str | None]:
    """The versions of the libraries that the figures depend on."""
    cudnn = torch.backends.cudnn.version() if torch.cuda.is_available() else None
    return {
        "advloss": advloss.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "numpy": numpy.__version__,
        "pillow": PIL.__version__,
        "cuda": torch.version.cuda,
        "cudnn": None if cudnn is None else str(cudnn),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
