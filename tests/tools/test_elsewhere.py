"""An action in another process."""

import os
from pathlib import Path

import pytest
import torch

from advloss.core.errors import InputError
from tools.benchmarks.measuring import measure
from tools.benchmarks.measuring.elsewhere import Elsewhere

CPU = torch.device("cpu")


def writing(device: torch.device, path: str) -> measure.Action:
    """Writes the process and its threads at each call."""

    def action() -> None:
        with Path(path).open("a", encoding="ascii") as file:
            file.write(f"{os.getpid()} {torch.get_num_threads()}\n")

    return action


def refused(device: torch.device) -> measure.Action:
    """Can't be made."""
    raise InputError("--peer: no such thing")


def broken(device: torch.device) -> measure.Action:
    """Can't be run."""
    return lambda: [][0]


def test_it_runs_in_one_other_process_as_often_as_is_asked(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    path = tmp_path / "calls"
    with Elsewhere(writing, CPU, str(path)) as theirs:
        times = theirs.seconds(2) + measure.seconds(theirs, CPU, 3)
        first, second = measure.alternating(theirs, lambda: path.write_text(path.read_text() + "ours\n"), CPU, 2)
    assert len(times) == 5 and all(t > 0 for t in times) and len(first) == len(second) == 2
    lines = path.read_text(encoding="ascii").splitlines()
    theirs_line = lines[0]
    assert lines == [theirs_line] * 6 + ["ours", theirs_line, "ours"]
    process, threads = map(int, theirs_line.split())
    assert process != os.getpid() and threads == 1


@pytest.mark.parametrize(("make", "message"), [(refused, "no such thing"), (broken, "the other process failed")])
def test_what_fails_there_is_an_input_error_here(make, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    with Elsewhere(make, CPU) as theirs, pytest.raises(InputError, match=message):
        theirs.seconds(1)
    assert ("IndexError" in capfd.readouterr().err) is (make is broken)
