"""FID of folders: the network's input and features, few pictures, and what is said where something is missing."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from advloss.core.errors import InputError
from advloss.evaluation.sets import Sets
from advloss.losses import sets
from advloss.losses.sets import fid
from advloss.pretrained import inception as module
from tests.data.pictures import fill
from tests.training.started import done, refused


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def figures() -> dict:
    return json.loads(Path("evaluation.json").read_text())


def two_folders(count: int) -> None:
    """Noise, and results that are half as strong and of another size than Inception's."""
    for path in fill(Path("truths"), count, 0, 40, 52).iterdir():
        Path("results").mkdir(exist_ok=True)
        Image.fromarray(np.asarray(Image.open(path)) // 2).save(Path("results") / path.name)


def features(folder: str, border: int, weights: Path) -> torch.Tensor:
    """Those of the library's own network and loader, of the files' bytes."""
    from torch_fidelity import FeatureExtractorInceptionV3

    network = FeatureExtractorInceptionV3("inception", ["2048"], weights).eval()
    pixels = [np.asarray(Image.open(path)) for path in sorted(Path(folder).iterdir())]
    batch = torch.from_numpy(np.stack(pixels)[:, border : 40 - border, border : 52 - border])
    return network(batch.permute(0, 3, 1, 2))[0]


def test_of_results_in_a_folder(inception: Path):
    two_folders(3)
    result = done("evaluate", "truths", "--results", "results", "--fid", "--border", 2)
    found = figures()
    expected = fid(*(features(folder, 2, inception) for folder in ("results", "truths"))).value
    assert expected > 1e-3
    assert found["together"] == {"fid": pytest.approx(expected, rel=1e-4)}
    assert inception.name in found["protocol"]["features"]
    assert "3 pictures are fewer than the 2048 features" in found["protocol"]["fid"]
    assert 0 < found["intervals"]["fid"]["low"] < expected < found["intervals"]["fid"]["high"]
    assert "fid: 3 pictures are fewer" in result.stderr
    assert "all pictures" in result.stdout and f"{expected:.4g}" in result.stdout


@pytest.mark.slow
def test_as_the_librarys_own_command(inception: Path):
    from torch_fidelity import calculate_metrics

    two_folders(5)
    done("evaluate", "truths", "--results", "results", "--fid")
    reference = calculate_metrics(
        input1="results", input2="truths", fid=True, cuda=False, cache=False, verbose=False, batch_size=5,
        feature_extractor_weights_path=str(inception),
    )["frechet_inception_distance"]  # fmt: skip
    assert figures()["together"]["fid"] == pytest.approx(reference, rel=1e-3)  # singular covariances are its own error


def test_what_is_no_tokenizers_has_it_only_if_asked_for(inception: Path):
    two_folders(2)
    done("evaluate", "truths", "--results", "results")
    assert figures()["together"] == {} and figures()["protocol"]["fid"] == "not measured: not asked for (--fid)"


def test_random_numbers_are_left_alone(inception: Path):
    before = torch.get_rng_state()
    Sets("inception", torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_that_are_missing(cache: Path):
    two_folders(2)
    said = refused("evaluate", "truths", "--results", "results", "--fid")
    for part in ("--fid: ", "weights-inception-2015-12-05-6726825d.pth", str(cache), "https://github.com/toshas/"):
        assert part in said
    assert not Path("evaluation.json").exists()


def test_a_library_that_is_missing(cache: Path, monkeypatch: pytest.MonkeyPatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        module.importlib.util, "find_spec", lambda name: None if name == "torch_fidelity" else find(name)
    )
    two_folders(2)
    said = refused("evaluate", "truths", "--results", "results", "--fid")
    assert "torch-fidelity is not installed: pip install 'advloss[fid]'" in said


@pytest.mark.parametrize("damage", ["garbage", "another network", "pickle"])
def test_weights_that_are_damaged(cache: Path, damage: str):
    pytest.importorskip("torch_fidelity")
    path = cache / "weights-inception-2015-12-05-6726825d.pth"
    match damage:
        case "garbage":
            path.write_bytes(b"<html>504 Gateway Time-out</html>")
        case "another network":
            torch.save({"fc.weight": torch.zeros(1008, 2048)}, path)
        case "pickle":
            torch.save({"fc.weight": Path("not a tensor")}, path)
    with pytest.raises(InputError) as caught:
        Sets("inception", torch.device("cpu"))
    parts = ("features=inception", str(path), "can't be read", "delete the file", "At hand without it: random")
    assert all(part in str(caught.value) for part in parts)


def test_one_picture(inception: Path):
    two_folders(1)
    assert "needs at least 2 pictures" in refused("evaluate", "truths", "--results", "results", "--fid")


@pytest.mark.slow
def test_sets_without_partners_by_the_librarys_network(inception: Path):
    from torch_fidelity import FeatureExtractorInceptionV3

    two_folders(12)
    done("evaluate", "--results", "results", "--real", "truths")
    found = figures()
    network = FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], inception).eval()
    sides = []
    for folder in ("results", "truths"):
        pixels = [np.asarray(Image.open(path)) for path in sorted(Path(folder).iterdir())]
        sides.append(network(torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)))
    (x, logits), (y, _) = sides
    assert found["together"]["kid"] == pytest.approx(sets.kid(x, y).value, rel=1e-3)
    assert found["together"]["inception_score"] == pytest.approx(sets.inception_score(logits).value, rel=1e-4)
    assert (
        inception.name in found["protocol"]["features"] and "papers take 50000" in found["protocol"]["inception_score"]
    )
