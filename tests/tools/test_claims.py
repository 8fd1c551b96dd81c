"""What is made of the runs' figures; and one claim measured from its training to its file, on a few images."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from advloss.core.errors import InputError
from tests.data.pictures import fill
from tools import claim
from tools.claims import (
    adaptation,
    choice,
    classes,
    critic,
    growing,
    holes,
    labels,
    latents,
    modes,
    points,
    ring,
    strong,
)
from tools.claims.common.plots import draw_runs
from tools.claims.common.runs import measured


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


def test_the_distance_of_codes_from_the_prior_by_their_place_and_by_their_form_alone():
    draw = torch.Generator().manual_seed(0)
    latent, prior = torch.randn(2, 500, 8, generator=draw)
    image = torch.zeros(500, 1, 2, 2)
    made = {"latent": 3 * latent + 2, "prior": prior, "image": image, "reconstruction": image + 0.5}
    found, floor = latents.figures(made), latents.floor(500, 8)
    assert found["mmd"] > 1 and abs(found["mmd_standardised"]) < abs(floor["mean"]) + 4 * floor["deviation"]
    assert found["mse"] == 0.25 and found["mean"] == pytest.approx(2, abs=0.5)
    assert found["least_deviation"] == pytest.approx(3, rel=0.1) == found["largest_deviation"]


def test_systems_are_set_beside_the_plain_one_of_their_seed():
    plain, other = ([{"mmd": mmd, "mse": mse} for mmd, mse in runs] for runs in (((2, 0.2), (1, 0.1)), ((0.1, 0.3),)))
    below = [{"mmd": -0.001, "mse": 0.2}]
    assert latents.beside({"plain": plain, "a": other, "b": below}) == {
        "a": [{"times_lower_mmd": 20, "mse_ratio": pytest.approx(1.5)}],
        "b": [{"times_lower_mmd": None, "mse_ratio": 1}],
    }


def test_a_jump_of_the_loss_at_a_switch_is_told_from_its_noise():
    noise = [0.0, 1.0] * 100
    still = growing.jump(noise, [100])
    assert still["near"] == [1] and still["ratio"] == 1
    jumped = growing.jump([value + 5 * (number >= 100) for number, value in enumerate(noise)], [100])
    assert jumped["near"] == [4] and jumped["elsewhere"]["largest"] == 1  # from 1 to 5
    assert growing.jump([value + 5 * (number >= 130) for number, value in enumerate(noise)], [100])["ratio"] == 0.25


def test_the_sharpness_of_a_hole():
    ramp = torch.arange(8.0).expand(1, 1, 8, 8) / 8
    assert holes.gradient(3 * ramp + 4 * ramp.mT) == pytest.approx(5 / 8)
    blurred = torch.nn.functional.pad(ramp[..., 2:6, 2:6] / 2, [2] * 4)
    found = holes.figures(blurred, ramp)
    assert found["sharpness"] == pytest.approx(0.5) and found["gradient"] == pytest.approx(1 / 16)


def test_the_rank_correlation_of_an_estimate_with_quality():
    assert critic.rank_correlation([3.0, 2.0, 1.0], [-90.0, -5.0, -4.0]) == pytest.approx(-1)
    assert critic.rank_correlation([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)  # 1 - 6 * 2 / (4 * 15)
    found = critic.figures([8.0, 4.0, 5.0], [3.0, 1.0, 2.0], 10)
    assert found["correlation"] == pytest.approx(-1) and found["iterations"] == [10, 20, 30]


def test_the_quality_of_a_look_is_the_distance_of_the_logits(monkeypatch: pytest.MonkeyPatch):
    real = torch.randn(40, 10, generator=torch.Generator().manual_seed(0))
    model = SimpleNamespace(sample=lambda count: real[:count] + 2)
    monkeypatch.setattr(critic, "load", lambda path: model)
    judge = SimpleNamespace(classify=torch.stack)
    assert critic.look(Path("any"), judge, real) == pytest.approx(10 * 2**2)  # of the means alone


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
    assert claim.main(["growing", "--sizes", "2"]) == 2
    assert capsys.readouterr().err.startswith("claim: --sizes 2: at least 3 are needed")


def test_the_accuracy_is_that_of_the_test_images_and_else_of_validation(tmp_path: Path):
    lines = [{"validation": {"source": 1, "target": 0.5}}, {"validation": {"source": 1, "target": 0.6}}]
    for line, expected in ((lines[0], 0.5), (lines[1], 0.6), ({"test": {"source": 1, "target": 0.7}}, 0.7)):
        with (tmp_path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        assert adaptation.accuracy(tmp_path) == expected
    (tmp_path / "log.jsonl").write_text(json.dumps({"validation": {"source": 1}}), encoding="utf-8")
    with pytest.raises(InputError, match="have no known labels to measure with"):
        adaptation.accuracy(tmp_path)


def test_the_figures_of_the_runs_are_drawn(tmp_path: Path):
    result = {design: {"accuracy": [0.4, 0.6], **adaptation.spread([0.4, 0.6])} for design in ("none", "dann")}
    images = adaptation.shown()
    assert images.shape == (56, 28 * adaptation.SHOWN, 3)
    draw_runs(tmp_path / "new" / "plot.png", images, result, "accuracy", 1)
    with Image.open(tmp_path / "new" / "plot.png") as drawn:
        assert drawn.format == "PNG" and drawn.size == (640, 360)


@pytest.mark.slow
def test_a_claim_is_measured_from_training_to_file(tmp_path: Path):
    words = ["adaptation", "--designs", "none", "dann", "--seeds", "2", "--work", str(tmp_path / "work")]
    short = ["train.iterations=4", "train.validate_every=4", "train.log_every=2"]
    assert (
        claim.main([*words, "--out", str(tmp_path / "found.json"), "--plot", str(tmp_path / "plot.png"), *short]) == 0
    )
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["command"].startswith("python tools/claim.py adaptation --designs none dann --seeds 2 train.")
    assert all(len(design["accuracy"]) == 2 for design in found["result"].values()) and (tmp_path / "plot.png").exists()


SHORT = ["data.batch=2", "train.validate_every=1"]


@pytest.mark.slow
def test_the_latents_are_measured_and_drawn(tmp_path: Path):
    words = ["latents", "--systems", "plain", "AAE", "--count", "6", "--plot", str(tmp_path / "found.png")]
    short = [*SHORT, "train.iterations=2"]
    assert claim.main([*words, "--work", str(tmp_path / "work"), "--out", str(tmp_path / "found.json"), *short]) == 0
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["result"]
    assert found["beside plain"]["AAE"][0]["mse_ratio"] == pytest.approx(
        found["AAE"][0]["mse"] / found["plain"][0]["mse"]
    )
    assert (tmp_path / "found.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_growing_is_measured_and_resumed_within_a_fade(tmp_path: Path):
    words = [
        "growing",
        "--hold",
        "12",
        "--sizes",
        "3",
        "--plot",
        str(tmp_path / "found.png"),
        "--work",
        str(tmp_path / "work"),
    ]
    assert claim.main([*words, "--out", str(tmp_path / "found.json"), "data.batch=2"]) == 0
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["result"]
    assert found["resumed within a fade"] == {"stopped": 18, "same_bytes": True}
    assert all(len(found["fade ends"][name]["near"]) == 2 for name in ("adversarial", "adversarial.discriminator"))
    assert (tmp_path / "found.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_holes_are_measured_and_what_the_validation_measured_is_the_same(tmp_path: Path):
    for name, first in (("train", 0), ("val", 4)):
        fill(tmp_path / name, 4, first, 100, 120)
    words = ["holes", "--data", str(tmp_path / "train"), "--val", str(tmp_path / "val"), "--losses", "L2"]
    work = tmp_path / "work"
    out = ["--work", str(work), "--out", str(tmp_path / "found.json"), "--plot", str(tmp_path / "found.png")]
    assert claim.main([*words, *out, *SHORT, "train.iterations=2"]) == 0
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["result"]
    logged = measured(work / "runs" / "L2", "validation")[-1]["validation"]
    assert found["photographs"] == 4 and found["L2"]["psnr"] == pytest.approx(logged["hole"], abs=1e-3)
    assert (tmp_path / "found.png").read_bytes().startswith(b"\x89PNG")
