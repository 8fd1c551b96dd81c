"""How a command starts: which libraries it loads, and what it says meanwhile. One fresh process runs one command after
the other, since what is loaded stays."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

OURS = {
    *("torch", "torchvision", "numpy", "PIL", "cv2", "tifffile", "kornia", "lpips", "safetensors", "pydantic", "yaml"),
    *("psutil", "tensorboard", "matplotlib", "scipy", "spandrel", "torch_fidelity", "webdataset", "albumentations"),
    *("lightning", "accelerate", "diffusers", "sympy"),
}
PLAIN = {"psutil", "pydantic", "yaml"}
SHOWN = PLAIN | {"torch", "numpy", "PIL", "cv2"}
USED = SHOWN | {"safetensors", "tifffile"}
COMMANDS: list[tuple[list[str], set[str]]] = [  # each may load what those before it may, and no more than is said here
    (["--help"], PLAIN),
    (["train", "--help"], PLAIN),
    (["recipes"], PLAIN),
    (["show", "recipe=cyclegan"], SHOWN),
    (["show", "recipe=realesrgan"], SHOWN),
    (["upscale", "small.png", "large.png", "--model", "runs/m/model.safetensors"], USED),
    (["upscale", "small.png", "large.npy", "--model", "no.pth"], USED),
]
RUN = """
import sys, json
from advloss.cli.main import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["advloss", *words]
    try:
        main()
    except SystemExit:
        pass
    print("LOADED", *{name.partition(".")[0] for name in sys.modules}, flush=True)
"""


def test_a_command_loads_the_libraries_that_it_needs(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((24, 24, 3), np.uint8)).save(tmp_path / "small.png")
    words = json.dumps([words for words, _ in COMMANDS])
    done = subprocess.run(
        [sys.executable, "-c", RUN, words], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300
    )
    loaded = [set(line.split()[1:]) for line in done.stdout.splitlines() if line.startswith("LOADED")]
    assert len(loaded) == len(COMMANDS)
    for (command, needs), names in zip(COMMANDS, loaded, strict=True):
        assert names & OURS <= needs, command
    assert "torch" in loaded[-1]
    assert "loading" not in done.stderr  # no terminal, no line


@pytest.mark.skipif(os.name != "posix", reason="a pseudo terminal is POSIX")
@pytest.mark.parametrize(("words", "said"), [(["show", "recipe=cyclegan-small"], True), (["recipes"], False)])
def test_on_a_terminal_the_wait_for_torch_is_named_and_results_are_not_touched(words: list[str], said: bool) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "advloss", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        assert process.stdout is not None
        results = process.stdout.read().decode()
    text = b""
    try:
        while piece := os.read(ours, 1000):
            text += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.returncode == 0 and "loading" not in results
    assert (b"loading PyTorch ..." in text) == said
