"""Runs read from their folders: numbers, words, states, damaged files."""

import json
from pathlib import Path

import pytest

from advloss.core.errors import InputError
from advloss.core.storage.locks import Lock
from advloss.report.listing import in_bytes, list_runs
from advloss.report.reading import Best, asked_for, read_run, state_of
from tests.report.runs import BEGAN, DOCTOR, logged, write_run
from tests.training.started import done, refused


def test_numbers_become_curves_and_words_events(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run"))
    assert run.iteration == 400 and run.notes == []
    assert run.curves["losses/l1"].values == [1 / i for i in range(20, 401, 20)]
    assert run.curves["losses/l1"].iterations == run.curves["lr"].iterations == list(range(20, 401, 20))
    assert run.curves["health/adversarial.right"].values == [0.9] * 20
    assert run.curves["test/psnr"].values == [23.456]
    assert not any("iteration" in name or "epoch" in name or "doctor" in name for name in run.curves)
    said = [(event.iteration, event.kind, event.sentence, event.remedy) for event in run.events]
    assert said == [
        (200, "doctor", DOCTOR["sentence"], DOCTOR["remedy"]),
        (300, "changed", "optimizer.lr: 0.001 then, 0.0005 now", ""),
    ]


def test_a_log_that_is_being_written_or_damaged_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [logged(20)])
    with (folder / "log.jsonl").open("a") as file:
        file.write('not json\n[1]\n{"losses": {"l1": 3}}\n' + json.dumps(logged(40)) + '\n{"iteration": 60, "los')
    run = read_run(folder)
    assert run.curves["losses/l1"].iterations == [20, 40] and run.iteration == 40
    assert run.notes == [
        "log.jsonl: the last line was not written to its end, and is passed over",
        "log.jsonl: 2 damaged lines passed over",
    ]


def test_a_run_that_has_just_begun_has_no_curves(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", [], samples=()))
    assert run.curves == {} and run.notes == ["log.jsonl: nothing has been logged yet"]
    (tmp_path / "run/log.jsonl").unlink()
    assert read_run(tmp_path / "run").notes == run.notes


def test_no_run_is_told_from_a_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder; `advloss runs` lists"):
        read_run(tmp_path / "none")
    with pytest.raises(InputError, match="is no run's folder: there is no"):
        read_run(tmp_path)
    write_run(tmp_path / "run")
    (tmp_path / "run/recipe.yaml").write_text("method: [\n")
    with pytest.raises(InputError, match=r"recipe.yaml:\d"):
        read_run(tmp_path / "run")


def test_states(tmp_path: Path) -> None:
    """A killed process leaves no line about its end; a lock that nobody holds any more is no running training."""
    paths = read_run(write_run(tmp_path / "run")).paths
    for ended in ("finished", "stopped", "interrupted", "failed"):
        assert state_of(paths, [BEGAN, {"ended": ended}]) == ended
    assert (state_of(paths, [BEGAN]), state_of(paths, [])) == ("killed", "ended")
    assert state_of(paths, [BEGAN, {"ended": "interrupted"}, BEGAN]) == "killed"
    with Lock(paths.lock):
        assert state_of(paths, [BEGAN]) == "running"
    paths.lock.write_text("process 1")
    assert state_of(paths, [BEGAN]) == "killed"


def test_the_recipe_s_name_is_that_of_the_words_or_else_the_method_s() -> None:
    assert asked_for([BEGAN, {"words": ["recipe=runs/x/recipe.yaml"]}], {})[0] == "cyclegan-small"
    assert asked_for([{"words": []}], {"method": {"name": "cyclegan"}}) == ("cyclegan", [])


def test_runs_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(Path("runs/two"), samples=())
    write_run(Path("runs/a/one"), [logged(20)], ended=None)
    Path("runs/no-run").mkdir()
    first, second = list_runs(Path("runs"))
    assert (first.run, first.state, first.iteration, first.best) == ("a/one", "killed", 20, None)
    assert (second.run, second.recipe, second.total, second.seconds) == ("two", "cyclegan-small", 400, 100.0)
    assert second.best == Best("kid", 1 / 400, 400)
    assert second.size == sum(file.stat().st_size for file in Path("runs/two").iterdir() if file.is_file())
    said = done("runs").stdout.splitlines()
    assert said[0].split() == ["run", "state", "recipe", "iteration", "metric", "size", "time"]
    assert "kid 0.0025 at 400" in said[2] and "400 of 400" in said[2] and "2 min" in said[2]
    listed = json.loads(done("runs", "runs", "--json").stdout)
    assert [line["state"] for line in listed] == ["killed", "finished"] and listed[1]["best"]["metric"] == "kid"


def test_sizes_in_words() -> None:
    assert [in_bytes(size) for size in (0, 812, 3_400_000, 1.2e12)] == ["0 B", "812 B", "3.4 MB", "1.2e+03 GB"]


def test_a_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "runs: no such folder" in refused("runs")
