"""What is made of the runs' figures; and one claim measured from its training to its file, on a few images."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tools import claim
from tools.claims import adaptation, choice, classes, labels, modes, points


def test_the_classes_that_are_covered_and_the_divergence_from_equal_shares():
    assert modes.figures([10] * 10) == {"counts": [10] * 10, "covered": 10, "kl": 0}
    found = modes.figures([500, 500, *[0] * 8])
    assert found["covered"] == 2 and found["kl"] == pytest.approx(math.log(5))
    assert modes.figures([991, 9, *[0] * 8])["covered"] == 1  # less than 1%


def test_the_share_of_images_that_are_of_the_class_that_was_asked_for():
    found = classes.figures([(0, 0), (0, 1), (1, 1), (2, 2)])
    assert found["right"] == 0.75 and found["by_class"][:4] == [0.5, 1, 1, None]


def test_the_modes_of_points():
    centres, std = points.CENTRES["grid"]
    made = np.repeat(centres[:5], 20, 0).astype(np.float32)  # 5 of 25 modes
    made[0] += 4 * std
    assert points.modes([made], "grid") == {"modes": [5], "near_a_mode": [pytest.approx(0.99)]}


def test_the_spread_over_seeds():
    assert adaptation.spread([0.5, 0.7]) == {"mean": pytest.approx(0.6), "deviation": pytest.approx(0.02**0.5)}
    assert adaptation.spread([0.5]) == {"mean": 0.5, "deviation": 0.0}


def test_the_checkpoint_that_each_judge_chooses():
    lines = [
        {"iteration": 100, "kid": 0.4, "psnr": 14.0, "cycle_psnr": 20.0},
        {"iteration": 200, "kid": 0.1, "psnr": 15.9, "cycle_psnr": 22.0},
        {"iteration": 300, "kid": 0.2, "psnr": 16.0, "cycle_psnr": 23.0},
        {"iteration": 400, "kid": 0.3, "psnr": 15.0, "cycle_psnr": 24.0},
    ]
    assert choice.choices(lines) == {
        "best": {"iteration": 300, "psnr": 16.0},
        "kid": {"iteration": 200, "psnr": 15.9, "lost": pytest.approx(0.1)},
        "cycle_psnr": {"iteration": 400, "psnr": 15.0, "lost": 1.0},
    }


def test_as_many_labelled_images_of_each_class_other_ones_for_another_seed():
    known = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 30))
    one, other = (labels.chosen(known, 100, seed) for seed in (0, 1))
    assert np.bincount(known[one]).tolist() == [10] * 10 and len(np.unique(one)) == 100
    assert not np.array_equal(one, other) and np.array_equal(one, labels.chosen(known, 100, 0))


def test_bad_input_is_one_sentence(capsys: pytest.CaptureFixture[str]):
    assert claim.main(["modes", "--data", "nowhere"]) == 2
    said = capsys.readouterr().err
    assert "claim: advloss train recipe=classifier-small nowhere" in said and "unknown data set" in said


@pytest.mark.slow
def test_a_claim_is_measured_from_training_to_file(tmp_path: Path):
    words = ["adaptation", "--designs", "none", "dann", "--seeds", "2", "--work", str(tmp_path / "work")]
    short = ["train.iterations=4", "train.validate_every=4", "train.log_every=2"]
    assert claim.main([*words, "--out", str(tmp_path / "found.json"), *short]) == 0
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["command"].startswith("python tools/claim.py adaptation --designs none dann --seeds 2 train.")
    assert all(len(design["accuracy"]) == 2 for design in found["result"].values())
