"""A resumed run says what has changed of its data."""

import shutil
from pathlib import Path

from advloss.data import DataSet, open_data
from advloss.training.run.held_data import NAME, changes, write_held
from tests.data.pictures import UNPAIRED, fill


def opened(root: Path) -> DataSet:
    return open_data(root, UNPAIRED, size=24, seed=0)


def test_what_changed_is_said_and_what_moved_is_not(tmp_path: Path) -> None:
    run, root = tmp_path / "run", tmp_path / "set"
    run.mkdir()
    for name in ("trainA", "trainB", "testA", "testB"):
        fill(root / name, 4)
    assert changes(run, opened(root)) == []  # of a run of an older version
    write_held(run, opened(root))
    assert changes(run, opened(root)) == []
    shutil.move(root, tmp_path / "moved")
    root = tmp_path / "moved"
    assert changes(run, opened(root)) == []
    (root / "trainA/003.png").unlink()
    (root / "trainB/003.png").rename(root / "trainB/004.png")
    (said,) = changes(run, opened(root))
    assert "train a: 4 pictures" in said and "then, 3 pictures" in said and "train b: 4 pictures" in said
    write_held(run, opened(root))  # what the run began with stays
    shutil.rmtree(root / "testA"), shutil.rmtree(root / "testB")
    assert "test a: 4 pictures" in changes(run, opened(root))[0] and "then, none now" in changes(run, opened(root))[0]
    for damaged in ("", "[]", "{", '{"train": 3}'):
        (run / NAME).write_text(damaged)
        assert changes(run, opened(root)) == []
