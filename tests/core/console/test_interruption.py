"""Ctrl-C while the command starts."""

import signal
import subprocess
import sys
import time

import pytest

from tests.training.started import command

SAID = "advloss: interrupted\n"
CODE = (
    "import time; from advloss.core.console.interruption import *; leave_at_once(); {}print(flush=True); time.sleep(60)"
)


def as_at_a_terminal() -> None:
    """In a new process: Ctrl-C is not ignored, as it is below a shell's `&`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("more", "ends"), [("", (130, SAID)), ("interrupt_again(); ", (-signal.SIGINT, "Traceback"))])
def test_ctrl_c_ends_in_one_sentence_until_it_is_an_error_again(more: str, ends: tuple[int, str]) -> None:
    words = [sys.executable, "-c", CODE.format(more)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(words, **pipes, text=True, preexec_fn=as_at_a_terminal)
    assert process.stdout is not None and process.stdout.readline() == "\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == ends[0] and said.startswith(ends[1])


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    code = (
        "import os, signal; from advloss.core.console.interruption import *; leave_at_once(); os.kill(os.getpid(), 2)"
    )
    ignore = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)  # noqa: E731
    assert subprocess.run([sys.executable, "-c", code], preexec_fn=ignore, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("wait", [0.3 * 1.3**number for number in range(14)])
def test_ctrl_c_at_any_moment_of_the_start(wait: float) -> None:
    words = command("show", "recipe=cyclegan")
    process = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=as_at_a_terminal
    )
    time.sleep(wait)  # after Python's own start, which no program of it can change
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    # the last: when all is done, Python itself takes the signal
    assert (process.returncode, said) in ((130, SAID), (0, ""), (-signal.SIGINT, ""))
