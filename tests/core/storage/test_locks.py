"""A lock between processes, which no killed process leaves behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from advloss.core.storage.locks import Held, Lock

HELD = r"""
import os, sys, time
from pathlib import Path
from advloss.core.storage.locks import Lock
lock = Lock(Path(sys.argv[1]))
if "fork" in sys.argv and not os.fork():
    os.write(1, b"forked\n")
    time.sleep(30)
    os._exit(0)
os.write(1, b"held\n")
time.sleep(60)
"""
IN_TURN = """
import sys, time
from pathlib import Path
from advloss.core.storage.locks import Lock
with Lock(Path(sys.argv[1]), wait=True), open(sys.argv[2], "a") as told:
    told.write("in ")
    told.flush()
    time.sleep(0.05)
    told.write("out ")
"""


def holder(path: Path, *words: str) -> subprocess.Popen[str]:
    """A process that holds a lock and waits."""
    process = subprocess.Popen([sys.executable, "-c", HELD, path, *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = {process.stdout.readline() for _ in range(1 + len(words))}
    assert said == {"held\n", *(f"{word}ed\n" for word in words)}
    return process


def test_who_holds_a_lock_is_said_and_a_kill_gives_it_back(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    process = holder(path)
    with pytest.raises(Held, match=rf"process {process.pid} on .+, since 20\d\d-"):
        Lock(path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with Lock(path):
        assert f"process {os.getpid()} " in path.read_text()
        with pytest.raises(Held, match=f"process {os.getpid()} "):
            Lock(path)
    assert not path.exists()


def test_processes_that_the_holder_forked_do_not_keep_it(tmp_path: Path) -> None:
    process = holder(tmp_path / "lock", "fork")
    process.send_signal(signal.SIGKILL)
    process.wait()
    with Lock(tmp_path / "lock"):
        pass


def test_one_waits_for_another(tmp_path: Path) -> None:
    path, told = tmp_path / "lock", tmp_path / "told"
    with Lock(path):
        several = [subprocess.Popen([sys.executable, "-c", IN_TURN, path, told]) for _ in range(4)]
        time.sleep(0.3)
        assert not told.exists()
    assert [process.wait() for process in several] == [0] * 4
    assert told.read_text() == "in out " * 4


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "lock").symlink_to("mine")
    with pytest.raises(OSError, match="symbolic links"):
        Lock(tmp_path / "lock")
    assert (tmp_path / "mine").read_text() == "mine"
