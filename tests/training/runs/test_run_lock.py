"""One training at a time in a run folder, and a folder that goes away."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from advloss.core.errors import InputError
from advloss.core.storage.locks import Lock
from advloss.training.fast.step import FastStep
from advloss.training.processes import Processes
from advloss.training.run.lock import alone
from advloss.training.run.paths import RunPaths
from tests.training.started import TINY, done, invoke, refused, two_sides

SMALL = ["train", "recipe=cyclegan-small", "photos", *TINY, "samples=[]", "--run", "run"]
RUN = Path("runs/run")
LOCK = RunPaths(RUN).lock
HOLDER = """
import sys, time
from pathlib import Path
from advloss.training.processes import Processes
from advloss.training.run.lock import alone
with alone(Path(sys.argv[1]), Processes("cpu")):
    print("in", flush=True)
    time.sleep(100)
"""


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    two_sides(Path("photos"))


def test_two_trainings_in_one_folder_are_one_and_a_sentence():
    process = subprocess.Popen([sys.executable, "-c", HOLDER, RUN], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "in\n"
    words = [*SMALL, "--iterations", "1"]
    for more in ([], ["seed=7"], ["--resume"]):
        said = refused(*words, *more)
        if not more or "seed" in more[0]:
            assert f"runs/run: is being trained by process {process.pid} on " in said and "--run NAME" in said
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert LOCK.exists(), "a killed process removes no file"
    done(*words)
    assert not LOCK.exists()


def test_two_resumes_of_a_run_are_one_and_a_sentence():
    done(*SMALL, "--iterations", "1")
    before = (RUN / "checkpoint.pt").read_bytes()
    with Lock(LOCK):
        said = refused("train", "--run", "run", "--resume", "--iterations", "2")
    assert f"runs/run: is being trained by process {os.getpid()} on " in said
    assert (RUN / "checkpoint.pt").read_bytes() == before
    assert invoke("train", "--run", "run", "--resume", "--iterations", "2").exit_code == 0


def test_a_training_that_is_refused_leaves_no_folder():
    refused(*SMALL, "data.crop=31", "--iterations", "1")
    assert not Path("runs").exists()
    Path("runs").mkdir()
    refused(*SMALL, "data.crop=31", "--iterations", "1")
    assert list(Path("runs").iterdir()) == []


def test_all_processes_hear_that_one_could_not_enter(tmp_path: Path):
    class Second(Processes):
        first = False

        def any(self, flag: bool) -> bool:
            return True

    with pytest.raises(InputError, match="another process could not enter"), alone(RUN, Second("cpu")):
        raise AssertionError("it is not entered")


@pytest.mark.parametrize("place", ["run", "run/tensorboard", "run/log.jsonl"])
def test_a_folder_that_is_removed_during_a_run(place: str, monkeypatch: pytest.MonkeyPatch):
    play = FastStep.play

    def removing(self, batches, number):
        if number == 2:
            path = Path("runs", place)
            path.unlink() if path.is_file() else shutil.rmtree(path)
        return play(self, batches, number)

    monkeypatch.setattr(FastStep, "play", removing)
    result = invoke(*SMALL, "--iterations", "6")
    if place == "run":
        assert result.exit_code == 1
        assert "advloss: runs/run: was removed during the training, so nothing of it can be kept" in result.stderr
        assert not RUN.exists()
    else:
        assert result.exit_code in (0, 1) and (RUN / "checkpoint.pt").is_file()
