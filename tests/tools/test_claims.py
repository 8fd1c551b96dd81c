"""What is made of the runs' figures; and one claim measured from its training to its file, on a few images."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advloss.core.errors import InputError
from tools import claim
from tools.claims import adaptation, labels, modes
from tools.claims.plots import draw_runs


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


def test_bad_input_is_one_sentence(capsys: pytest.CaptureFixture[str]):
    assert claim.main(["modes", "--data", "nowhere"]) == 2
    said = capsys.readouterr().err
    assert "claim: advloss train recipe=classifier-small nowhere" in said and "unknown data set" in said


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
