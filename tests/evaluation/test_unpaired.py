"""`advloss evaluate --real`: results without partners, against folders and files of statistics."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from advloss.evaluation.results import read
from advloss.evaluation.unpaired import Translated, evaluate_sets
from advloss.losses import sets
from advloss.pretrained.features import feature_network
from tests.data.pictures import fill
from tests.training.started import done, invoke, refused


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def figures() -> dict:
    return json.loads(Path("evaluation.json").read_text())


class Means(torch.nn.Module):
    """Features that take no time: the means of each channel, in tenths of the range."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.float().mean((2, 3)) / 25.5


def means() -> str:
    """A file of that network."""
    torch.jit.script(Means()).save("means.pt")
    return "means.pt"


def of_means(folder: str) -> torch.Tensor:
    paths = sorted(Path(folder).rglob("*.png"))
    return torch.cat([Means()((read(path) + 1).mul(127.5).round()) for path in paths])


def seen(folder: str) -> torch.Tensor:
    pixels = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(Path(folder).iterdir())]
    return torch.cat(
        [feature_network("random").features(torch.from_numpy(p.copy()).permute(2, 0, 1)[None]) for p in pixels]
    )


def folders() -> None:
    """Nine results and seven real pictures of other names and, within each folder, of two sizes."""
    fill(Path("made"), 5, 0, 20, 24)
    fill(Path("made/more"), 4, 5, 33, 17)
    fill(Path("real"), [f"r{i}.png" for i in range(7)], 3, 28, 28)


def test_of_two_folders() -> None:
    folders()
    Path("flat").mkdir()
    for number, path in enumerate(sorted(Path("made").rglob("*.png"))):
        path.rename(Path("flat") / f"{number}.png")
    result = done("evaluate", "--results", "flat", "--real", "real", "--features", "random")
    found, (x, y) = figures(), (seen("flat"), seen("real"))
    for name in ("fid", "kid", "precision", "recall", "density", "coverage"):
        expected = getattr(sets, name)(x, y)
        assert found["together"][name] == pytest.approx(expected.value, rel=1e-6, abs=1e-12)
        assert found["intervals"][name]["error"] == pytest.approx(expected.error, rel=1e-5, abs=1e-12)
    assert "inception_score" not in found["together"]
    protocol = found["protocol"]
    assert (protocol["results_count"], protocol["real_count"]) == (9, 7)
    assert "random weights" in protocol["features"] and "subset_size 1000; seed 2020" in protocol["kid"]
    assert "7 pictures are fewer than the 736 features" in protocol["fid"] and "use KID" in result.stderr
    assert "95% interval" in result.stdout and f"{found['together']['kid']:.4g}" in result.stdout
    assert found["pictures"] == {} and len(protocol["real_sha256"]) == 64


def test_a_file_of_the_real_set_gives_the_same() -> None:
    folders()
    words = ["evaluate", "--results", "made", "--features", means(), "--real"]
    done(*words, "real", "--save-real", "real.npz")
    first = figures()
    done(*words, "real.npz")
    again = figures()
    assert again["together"] == first["together"] and again["intervals"] == first["intervals"]
    assert again["protocol"]["real_sha256"] == first["protocol"]["real_sha256"]
    with np.load("real.npz") as held:
        content = dict(held)
    np.savez("other.npz", **{**content, "network": np.array("of another")})
    assert "holds features of another network" in refused(*words, "other.npz")


def test_files_of_other_projects() -> None:
    folders()
    y = of_means("real").double().numpy()
    mu, sigma = y.mean(0), np.cov(y, rowvar=False)
    np.savez("stats.npz", mu=mu, sigma=sigma)  # pytorch-fid
    torch.save({"mu": mu, "sigma": sigma}, "stats.pt")  # torch-fidelity
    torch.save(torch.from_numpy(y), "features.pt")
    words = ["evaluate", "--results", "made", "--features", means(), "--real"]
    done(*words, "real")
    whole = figures()["together"]
    for name in ("stats.npz", "stats.pt"):
        result = done(*words, name)
        assert figures()["together"] == {"fid": pytest.approx(whole["fid"], rel=1e-6)}
        assert "kid is not measured: the reference file holds a mean and a covariance" in result.stderr
    done(*words, "features.pt")
    assert figures()["together"] == pytest.approx(whole, rel=1e-5)


def test_of_a_translator_and_of_a_module_of_ones_own() -> None:
    done(
        "train", "recipe=cyclegan-small", "stripes", "data.load=16", "data.crop=16", "networks.generator.width=4",
        "networks.generator.blocks=1", "--iterations", "1", "--run", "m", "samples=[]",
    )  # fmt: skip
    fill(Path("in"), 4, 0, 21, 30)
    fill(Path("real"), 6, 9, 16, 16)
    model, features = "runs/m/model.safetensors", means()
    for way in ("a2b", "b2a"):
        done("evaluate", "in", "--model", model, "--real", "real", "--features", features, "--direction", way)
        found = figures()
        done("translate", model, "in", f"out-{way}", "--direction", way, "--precision", "fp32")
        done("evaluate", "--results", f"out-{way}", "--real", "real", "--features", features)
        assert figures()["together"] == pytest.approx(found["together"], rel=1e-4)
        assert found["protocol"]["direction"] == {"a2b": "a to b", "b2a": "b to a"}[way]

    report = evaluate_sets(Path("real"), Translated(results=Path("in")), Means(), device=torch.device("cpu"), say=print)
    assert report.comparison.together["kid"] == pytest.approx(
        sets.kid(of_means("in"), of_means("real")).value, rel=1e-4
    )


def test_truths_with_features_too() -> None:
    fill(Path("truths"), 3, 0, 20, 20)
    fill(Path("results"), 3, 5, 20, 20)
    done("evaluate", "truths", "--results", "results", "--features", "random", "--border", "2")
    found = figures()
    assert (
        found["together"]["kid"]
        and "psnr_y" in found["mean"]
        and "needs at least 4 pictures" in found["protocol"]["precision"]
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--real", "real"], "one of --results FOLDER and --model MODEL INPUTS"),
        (["made"], "say what to evaluate: one of --results"),
        ([], "say what to compare with"),
        (["--results", "made", "--real", "gone"], "gone: no such folder"),
        (["--results", "made", "--real", "gone.npz"], "gone.npz: no such file"),
        (["--results", "made", "--real", "real", "--border", "3"], "--border: is for results with truths"),
        (["made", "--results", "made", "--real", "real"], "leave it out"),
        (["--results", "made", "--real", "real", "--direction", "a2b"], "--direction: is about how a --model runs"),
        (["made", "--results", "made", "--save-real", "x.npz"], "--save-real: goes with --real"),
        (["--results", "made", "--real", "real", "--save-real", "x.txt"], "writes the features of a --real FOLDER"),
        (["--results", "one", "--real", "real", "--features", "random"], "results: 1 picture; measures of sets need"),
        (["--results", "made", "--real", "bad.npz", "--features", "random"], "bad.npz: can't be read as .npz"),
        (["--results", "made", "--real", "odd.npz", "--features", "random"], "odd.npz: lacks 'mu'"),
        (["--results", "made", "--real", "real", "--features", "vgg61"], "did you mean 'vgg16'"),
        (["made", "--results", "made", "--fid", "--features", "random"], "--fid: is of Inception's features"),
    ],
)
def test_bad_input(words: list[str], says: str) -> None:
    folders()
    fill(Path("one"), 1)
    Path("bad.npz").write_bytes(b"no archive")
    np.savez("odd.npz", other=np.zeros(3))
    assert says in refused("evaluate", *words)
    assert not Path("evaluation.json").exists() and not Path("x.npz").exists()


def test_without_inceptions_weights_it_says_what_else_there_is(cache: Path) -> None:
    folders()
    said = refused("evaluate", "--results", "made", "--real", "real")
    for part in ("features=inception: ", "At hand without it: random (needs no weights)"):
        assert part in said


def test_a_picture_that_can_not_be_read_is_named() -> None:
    folders()
    Path("made/broken.png").write_bytes(b"x")
    result = invoke("evaluate", "--results", "made", "--real", "real", "--features", means())
    assert result.exit_code == 2 and "made/broken.png" in result.stderr
    assert figures()["protocol"]["results_count"] == 9
