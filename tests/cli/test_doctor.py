"""`advloss doctor`: a run's log read again."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.data.pictures import fill
from tests.training.doctor.test_rules import GOOD, SICK, lines
from tests.training.started import TINY, done, log, refused, two_sides

RUN = Path("runs/run")


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    RUN.mkdir(parents=True)


def write(entries: list[dict[str, object]], more: str = "") -> None:
    (RUN / "log.jsonl").write_text("".join(f"{json.dumps(entry)}\n" for entry in entries) + more)


@pytest.mark.parametrize("name", ["run", "runs/run"])
def test_the_sentences_with_their_iterations(name: str) -> None:
    write(lines(**GOOD | SICK["no_effect"]))
    said = done("doctor", name).stdout.splitlines()
    assert said[0].startswith("iteration 40: no_effect: losses.a: the adversary has no effect: 0.10% of the gradient")
    assert said[1].startswith("  what helps: a larger weight of the adversary") and len(said) == 2


def test_a_healthy_run_and_one_without_measures() -> None:
    write(lines(**GOOD))
    assert done("doctor", "run").stdout == "runs/run: none of the 14 rules finds anything until iteration 300\n"
    write([{"iteration": 1, "losses": {"l1": 1.0}}])
    assert "this run has no measures of the doctor" in done("doctor", "run").stdout


def test_a_log_that_was_cut_off_gives_what_can_be_read_and_says_so() -> None:
    whole = lines(**GOOD | SICK["no_effect"])
    write(whole[:5], json.dumps(whole[5])[:40])
    found = done("doctor", "run")
    assert "iteration 40: no_effect" in found.stdout
    assert found.stderr == "log.jsonl: the last line was not written to its end, and is passed over\n"


def test_a_log_of_other_things_is_read_as_far_as_it_goes() -> None:
    odd = ['{"iteration": Infinity}', "[1]", '"text"', "null", '{"iteration": 3, "health": 5, "losses": null}', "\x00"]
    write(lines(**GOOD), "\n".join(odd))
    found = done("doctor", "run")
    assert "none of the 14 rules finds anything" in found.stdout and "3 damaged lines passed over" in found.stderr


def test_no_run_is_one_message() -> None:
    assert "runs/other: there is no run" in refused("doctor", "other")
    assert "runs/run: this run has no log.jsonl" in refused("doctor", "run")


@pytest.mark.parametrize("doctor", [True, False])
def test_a_training_says_it_once_and_logs_it(doctor: bool) -> None:
    RUN.rmdir()
    words = ["recipe=points", "ring", "--run", "run", "samples=[]", "train.log_every=10", f"train.doctor={doctor}"]
    trained = done(
        "train", *words, "--iterations", "120", "optimizer={name: sgd, lr: 1e-6}", "optimizer.discriminator={lr: 1e-9}"
    )
    entries = log(Path(), "run")
    health = [entry["health"] for entry in entries if "health" in entry]
    found = [entry for entry in entries if "doctor" in entry]
    if not doctor:
        assert not health and not found and "doctor" not in trained.stderr
        return
    assert len(health) == 12 and {"adversarial.fake", "adversarial.undecided"} <= health[0].keys()
    assert {"step.generator", "gradient.adversarial", "adversarial.distance_fake"} <= health[-3].keys()
    assert [entry["doctor"].keys() for entry in found] == [{"rule", "sentence", "remedy"}] * len(found)
    assert trained.stderr.count("doctor, iteration") == len(found)
    again = done("doctor", "run").stdout
    assert all(f"iteration {entry['iteration']}: {entry['doctor']['rule']}: " in again for entry in found)
    assert again.count("\n") == max(1, 2 * len(found))


def test_a_training_has_the_same_weights_with_it_and_without_it() -> None:
    """With dropout, a pool, an average, and held-out images to look at."""
    RUN.rmdir()
    two_sides(Path("photos"))
    for place, first in (("testA", 8), ("testB", 12)):
        fill(Path("photos") / place, 4, first, 40, 44)
    words = [
        "recipe=cyclegan-small",
        *TINY,
        "photos",
        "networks.generator.dropout=0.5",
        "train.average=0.9",
        "samples=[]",
    ]
    files = {}
    for doctor in ("true", "false"):
        done("train", *words, "--iterations", "12", "--run", doctor, f"train.doctor={doctor}", "metrics={}")
        files[doctor] = load_file(f"runs/{doctor}/model.safetensors")
    assert any("adversarial_a.overfit" in entry.get("health", {}) for entry in log(Path(), "true"))
    assert files["true"].keys() == files["false"].keys()
    assert all(torch.equal(value, files["false"][name]) for name, value in files["true"].items())
