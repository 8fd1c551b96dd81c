"""Where a run is shown: TensorBoard, Weights & Biases (offline), or nowhere."""

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from advloss.training.run.trackers import numbers_of
from tests.training.started import TINY, done, refused, two_sides

SMALL = ["train", "recipe=cyclegan-small", "photos", *TINY, "train.sample_every=2", "--run", "run"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with data, and no account of Weights & Biases."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NETRC", str(tmp_path / "home/.netrc"))
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    two_sides(Path("photos"))
    yield
    if (wandb := sys.modules.get("wandb")) is not None:
        wandb.teardown()  # which keeps the environment that it has seen first


def test_the_numbers_of_an_entry_have_names_with_their_group() -> None:
    entry = {
        "iteration": 3,
        "epoch": 0,
        "lr": 0.5,
        "losses": {"l1": 1.0},
        "health": {"a": {"right": 0.9}},
        "doctor": {"rule": "collapse", "sentence": "all alike"},
        "changed": ["lr"],
    }
    assert numbers_of(entry) == {"lr": 0.5, "losses/l1": 1.0, "health/a/right": 0.9}


def test_no_tracker_writes_no_events() -> None:
    done(*SMALL, "--iterations", "1", "train.tracker=none")
    assert Path("runs/run/log.jsonl").is_file() and not Path("runs/run/tensorboard").exists()


def test_an_unknown_tracker_is_refused() -> None:
    assert "train.tracker" in refused(*SMALL, "train.tracker=mlflow")


def test_without_wandb_it_is_said_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    said = refused(*SMALL, "train.tracker=wandb")
    assert said == 'train.tracker=wandb needs wandb: pip install "advloss[wandb]"\n'
    assert not Path("runs").exists()
    assert "needs wandb" in refused(*SMALL[:-2], "train.tracker=wandb", "--dry-run")[:60]


def test_without_a_key_it_is_said_before_anything_is_written() -> None:
    pytest.importorskip("wandb")
    said = refused(*SMALL, "train.tracker=wandb")
    assert "no key of Weights & Biases" in said and "WANDB_MODE=offline" in said
    assert not Path("runs").exists()


def test_weights_and_biases_offline_keeps_its_run_over_a_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it wrote is read again by its own reader: the losses of each iteration once, the sample grids, one id."""
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    words = [*SMALL, "train.tracker=wandb"]
    done(*words, "--iterations", "2")
    kept = Path("runs/run/wandb/run-id").read_text()
    done("train", "--run", "run", "--resume", "--iterations", "4")
    assert Path("runs/run/wandb/run-id").read_text() == kept
    files = sorted(Path("runs/run/wandb").glob("offline-run-*/*.wandb"))
    assert len(files) == 2 and all(file.stem == f"run-{kept}" for file in files)
    rows = [row for file in files for row in history_of(file)]
    assert [row["iteration"] for row in rows if "losses/cycle_a" in row] == [1, 2, 3, 4]
    assert all({"lr", "images_per_second", "memory"} <= row.keys() for row in rows if "losses/cycle_a" in row)
    assert [row["iteration"] for row in rows if "samples.path" in row] == [1, 2, 4]
    assert len(list(Path("runs/run/wandb").glob("offline-run-*/files/media/images/*.png"))) == 3
    assert not Path("runs/run/tensorboard").exists()


def history_of(file: Path) -> list[dict]:
    """The rows of a file of Weights & Biases."""
    from wandb.proto.wandb_internal_pb2 import Record

    rows = []
    for data in records_of(file.read_bytes()):
        record = Record.FromString(data)
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            rows.append({item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items})
    return rows


def records_of(data: bytes) -> Iterator[bytes]:
    """The records of LevelDB's log format: blocks of 32 KiB, parts of records with a head of 7 bytes."""
    place, part = 7, b""  # after the file's own head
    while place + 7 <= len(data):
        if 2**15 - place % 2**15 < 7:
            place += 2**15 - place % 2**15
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        part += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a whole one, or a last part
            yield part
            part = b""
