"""What is made of the runs' figures; and one claim measured from its training to its file, on a few images."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tools import claim
from tools.claims import adaptation, critic, labels, modes, ring, strong


def test_the_classes_that_are_covered_and_the_divergence_from_equal_shares():
    assert modes.figures([10] * 10) == {"counts": [10] * 10, "covered": 10, "kl": 0}
    found = modes.figures([500, 500, *[0] * 8])
    assert found["covered"] == 2 and found["kl"] == pytest.approx(math.log(5))
    assert modes.figures([991, 9, *[0] * 8])["covered"] == 1  # less than 1%


def test_the_spread_over_seeds():
    assert adaptation.spread([0.5, 0.7]) == {"mean": pytest.approx(0.6), "deviation": pytest.approx(0.02**0.5)}
    assert adaptation.spread([0.5]) == {"mean": 0.5, "deviation": 0.0}


def test_as_many_labelled_images_of_each_class_other_ones_for_another_seed():
    known = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 30))
    one, other = (labels.chosen(known, 100, seed) for seed in (0, 1))
    assert np.bincount(known[one]).tolist() == [10] * 10 and len(np.unique(one)) == 100
    assert not np.array_equal(one, other) and np.array_equal(one, labels.chosen(known, 100, 0))


def test_the_rank_correlation_of_an_estimate_with_quality():
    assert critic.rank_correlation([3.0, 2.0, 1.0], [-90.0, -5.0, -4.0]) == pytest.approx(-1)
    assert critic.rank_correlation([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)  # 1 - 6 * 2 / (4 * 15)
    found = critic.figures([8.0, 4.0, 5.0], [3.0, 1.0, 2.0], 10)
    assert found["correlation"] == pytest.approx(-1) and found["iterations"] == [10, 20, 30]


def test_the_estimates_are_means_since_the_look_before():
    log = [{"iteration": n, "losses": {"adversarial.discriminator": -float(n)}} for n in (5, 10, 15, 20)]
    assert critic.estimates(log, 10, 2) == [7.5, 17.5]


def test_what_the_losses_say_of_the_gradient():
    log = [(n, 0.01, -0.004) for n in range(9)]
    assert strong.figures("minimax", log)["gradient_at_most"] == pytest.approx(0.004)
    assert strong.figures("non_saturating", [(n, 0.01, 5.0) for n in range(9)])["gradient_at_least"] == pytest.approx(
        0.99
    )


def test_the_modes_of_a_ring_over_time(tmp_path: Path):
    words = ["ring", "--steps", "0", "1", "--seeds", "1", "--iterations", "4", "--every", "2", "data.batch=8"]
    picture = tmp_path / "ring.png"
    assert (
        claim.main([*words, "--work", str(tmp_path), "--out", str(tmp_path / "ring.json"), "--plot", str(picture)]) == 0
    )
    found = json.loads((tmp_path / "ring.json").read_text(encoding="utf-8"))["result"]
    assert found.keys() == {"0 steps", "1 steps"} and all(
        len(game["modes_over_time"][0]) == 2 for game in found.values()
    )
    assert picture.read_bytes().startswith(b"\x89PNG")
    games = [{"seed": 0, "modes": [1, 8, 6, 8], "near": [0.1, 0.5], "points": []}]
    assert ring.figures(games) == {
        **{"modes": [8], "fewest": [6], "mean": [7.0], "near": [0.5], "modes_over_time": [[1, 8, 6, 8]]}
    }


def test_bad_input_is_one_sentence(capsys: pytest.CaptureFixture[str]):
    assert claim.main(["modes", "--data", "nowhere"]) == 2
    said = capsys.readouterr().err
    assert "claim: advloss train recipe=classifier-small nowhere" in said and "unknown data set" in said
    for name in ("ring", "critic"):
        assert claim.main([name, "--iterations", "5", "--every", "6"]) == 2
        assert capsys.readouterr().err == "claim: --every 6: it is 1 to --iterations 5\n"


@pytest.mark.slow
def test_a_claim_is_measured_from_training_to_file(tmp_path: Path):
    words = ["adaptation", "--designs", "none", "dann", "--seeds", "2", "--work", str(tmp_path / "work")]
    short = ["train.iterations=4", "train.validate_every=4", "train.log_every=2"]
    assert claim.main([*words, "--out", str(tmp_path / "found.json"), *short]) == 0
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["command"].startswith("python tools/claim.py adaptation --designs none dann --seeds 2 train.")
    assert all(len(design["accuracy"]) == 2 for design in found["result"].values())
