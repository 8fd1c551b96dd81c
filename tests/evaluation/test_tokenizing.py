"""`advloss evaluate` of tokenizers: codes and bits counted by hand, what is compared with what, the JSON."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from advloss.evaluation.tokenizing import CodeCounts, Reconstruction
from advloss.methods.tokenizer import Tokenizer
from advloss.recipe.build import build
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from tests.data.pictures import fill
from tests.evaluation.figures import figures
from tests.training.started import done, invoke, refused

SMALL = [f"networks.{part}.{key}" for part in ("encoder", "decoder") for key in ("width=8", "z_channels=8")]


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.chdir(tmp_path)


def made(*overrides: str, constant: bool = False) -> Tokenizer:
    """A small f4 tokenizer, also as m.safetensors; constant: its latents are all alike, and so are its pictures."""
    source = read("vqgan-small")
    for override in (*SMALL, *overrides):
        source.override(override)
    torch.manual_seed(0)
    built = build(resolve(source))
    method = built.method
    assert isinstance(method, Tokenizer)
    if constant:
        *_, weight, bias = method.encoder.parameters()
        torch.nn.init.zeros_(weight), torch.nn.init.ones_(bias)
        for parameter in [*method.decoder.parameters()][-2:]:
            torch.nn.init.zeros_(parameter)
    save_model(Path("m.safetensors"), built.recipe, method.state_dict(), {})
    return method


FOUR = "networks.bottleneck={name: vq, codes: 4, channels: 8}"


def test_choices_by_hand():
    """Codes 0 0 0 0 1 1 2 3 of 8, for 16 + 16 pixels: entropy 1/2 + 1/2 + 3/8 + 3/8 = 1.75 bits a choice."""
    choices = CodeCounts(8)
    choices.add(torch.tensor([[[0, 0], [1, 2]]]), 16)
    choices.add(torch.tensor([[[0, 1], [3, 0]]], dtype=torch.int32), 16)
    assert choices.measures() == {
        "usage": 0.5,
        "perplexity": pytest.approx(2**1.75),
        "bits_per_pixel": 8 * 3 / 32,
        "entropy_bits_per_pixel": pytest.approx(8 * 1.75 / 32),
    }


def test_choices_of_two_codebooks_by_hand():
    """The first always 0, the second 0 1 2 3, of 4 each: usage (1/4 + 1) / 2, perplexity (1 + 4) / 2, 0 + 2 bits."""
    choices = CodeCounts(4, 2)
    choices.add(torch.tensor([[[[0, 0], [0, 1]], [[0, 2], [0, 3]]]]), 64)
    found = choices.measures()
    assert found["usage"] == 0.625 and found["perplexity"] == pytest.approx(2.5)
    assert found["bits_per_pixel"] == 4 * 2 * 2 / 64
    assert found["entropy_bits_per_pixel"] == pytest.approx(4 * 2 / 64)


def test_a_tokenizer_of_one_code_by_hand():
    """All pictures become grey 128, and 41x50 pixels 11 x 13 indices, mirrored edges and all."""
    made(FOUR, constant=True)
    fill(Path("truths"), 2, 0, 41, 50)
    result = done("evaluate", "truths", "--model", "m.safetensors")
    found = figures()
    bits = found["together"]["bits_per_pixel"]
    assert bits == pytest.approx(2 * 143 * 2 / (2 * 41 * 50))
    assert found["together"] == {"usage": 0.25, "perplexity": 1, "bits_per_pixel": bits, "entropy_bits_per_pixel": 0}
    truths = [np.asarray(Image.open(path)).astype(float) for path in sorted(Path("truths").iterdir())]
    expected = [20 * math.log10(255) - 10 * math.log10(((truth - 128) ** 2).mean()) for truth in truths]
    assert [row["psnr_rgb"] for row in found["pictures"].values()] == pytest.approx(expected, abs=1e-4)
    assert found["protocol"]["codes"] == 4 and found["protocol"]["border"] == 0
    assert found["protocol"]["size"] == "each truth's own" and "log2(codes)" in found["protocol"]["bits_per_pixel"]
    assert "all pictures" in result.stdout and f"{bits:.4g}" in result.stdout


def test_usage_is_of_all_pictures_together():
    method = made()
    fill(Path("truths"), 3, 0, 32, 32)
    done("evaluate", "truths", "--model", "m.safetensors")
    pictures = [np.asarray(Image.open(path)) for path in sorted(Path("truths").iterdir())]
    batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        indices = method.eval().encode(batch).indices
    assert indices.shape == (3, 8, 8)
    p = np.bincount(indices.flatten()) / indices.numel()
    entropy = -sum(part * math.log2(part) for part in p if part)
    assert entropy > 1
    assert figures()["together"] == {
        "usage": pytest.approx((p > 0).sum() / 512),
        "perplexity": pytest.approx(2**entropy),
        "bits_per_pixel": 9 / 16,
        "entropy_bits_per_pixel": pytest.approx(entropy / 16),
    }


def test_size_makes_the_shorter_side_and_cuts_the_middle():
    made(FOUR, constant=True)
    truth = np.zeros((16, 48, 3), np.uint8)
    truth[:, 16:32] = 128  # the middle is what the model gives
    Path("truths").mkdir()
    Image.fromarray(truth).save("truths/a.png")
    Image.fromarray(truth).resize((96, 32), Image.Resampling.NEAREST).save("truths/b.png")
    done("evaluate", "truths", "--model", "m.safetensors", "--size", 16)
    found = figures()
    assert found["pictures"]["a"]["psnr_rgb"] is None  # infinite
    assert found["pictures"]["b"]["psnr_rgb"] > 25  # bicubic overshoots at the edges
    assert found["together"]["bits_per_pixel"] == 2 / 16  # without mirroring
    assert "shorter side to 16 pixels" in found["protocol"]["size"]
    done("evaluate", "truths", "--model", "m.safetensors")
    assert figures()["pictures"]["a"]["psnr_rgb"] < 10


def test_what_is_measured_is_what_reconstruct_writes():
    made()
    fill(Path("truths"), 2, 0, 41, 50)
    for words in ([], ["--size", "24"]):
        done("reconstruct", "truths", f"out{len(words)}", "--model", "m.safetensors", *words)
    done("evaluate", "truths", "--model", "m.safetensors")
    measured = figures()["pictures"]
    done("evaluate", "truths", "--results", "out0")
    assert figures()["pictures"] == measured
    done("evaluate", "truths", "--model", "m.safetensors", "--size", 24)
    measured = figures()["pictures"]
    for path in Path("truths").iterdir():  # 29 x 24, of which the middle 24 x 24
        small = Image.open(path).resize((29, 24), Image.Resampling.BICUBIC)
        small.crop((2, 0, 26, 24)).save(path)
    done("evaluate", "truths", "--results", "out2")
    assert figures()["pictures"] == measured


def test_kl_has_no_codes():
    made("networks.bottleneck={name: kl, channels: 4}", "losses.bottleneck=null")
    fill(Path("truths"), 1, 0, 20, 20)
    done("evaluate", "truths", "--model", "m.safetensors")
    found = figures()
    assert found["together"] == {} and found["protocol"]["codes"].startswith("none: 4 floats a place")
    first = found["mean"]
    done("evaluate", "truths", "--model", "m.safetensors")
    assert figures()["mean"] == first  # the mean, not a sample


def test_rfid_is_measured_where_it_can_be(inception: Path):
    made(FOUR)
    fill(Path("truths"), 2, 0, 20, 20)
    done("evaluate", "truths", "--model", "m.safetensors")
    assert figures()["together"]["rfid"] > 0 and "2015-12-05" in figures()["protocol"]["features"]
    done("evaluate", "truths", "--model", "m.safetensors", "--no-fid")
    assert "rfid" not in figures()["together"]
    assert figures()["protocol"]["rfid"] == "not measured: not asked for (--fid)"
    Path("truths/001.png").unlink()
    done("evaluate", "truths", "--model", "m.safetensors")
    assert figures()["protocol"]["rfid"] == "not measured: it needs at least 2 pictures"


def test_rfid_without_weights_is_skipped_with_a_reason(cache: Path):
    made(FOUR)
    fill(Path("truths"), 2, 0, 20, 20)
    result = done("evaluate", "truths", "--model", "m.safetensors")
    assert "rfid" not in figures()["together"]
    for said in (result.stderr, figures()["protocol"]["rfid"]):
        assert "weights-inception-2015-12-05-6726825d.pth are not in" in said and str(cache) in said
    assert "--fid: the Inception" in refused("evaluate", "truths", "--model", "m.safetensors", "--fid")


def test_half_precision_is_near_and_leaves_the_bottleneck_in_float32():
    method = made(FOUR)
    image = torch.rand(1, 3, 21, 18) * 2 - 1
    whole, half = (Reconstruction(method, precision) for precision in ("fp32", "bf16"))
    expected, found = whole.measured(image), half.measured(image)
    assert whole.choices.counts.sum() == 0  # until it is known that the picture counts
    whole.counted(), half.counted()
    assert found.dtype == torch.float32 and found.shape == image.shape and not torch.equal(found, expected)
    changed = (whole.choices.counts - half.choices.counts).abs().sum().item()
    assert whole.choices.counts.sum() == half.choices.counts.sum() == 30 and changed <= 6


def test_a_picture_that_is_skipped_counts_in_nothing(inception: Path):
    """9 pixels are too few for SSIM, which comes after the codes were chosen."""
    made(FOUR)
    fill(Path("truths"), 2, 0, 20, 20)
    done("evaluate", "truths", "--model", "m.safetensors")
    expected = figures()["together"]
    fill(Path("truths"), ["small.png"], 5, 9, 9)
    assert invoke("evaluate", "truths", "--model", "m.safetensors").exit_code == 2
    found = figures()
    assert found["together"] == expected and "rfid" in expected
    (why,) = found["skipped"]
    assert why.startswith("truths/small.png: SSIM needs")


def test_pictures_that_can_not_be_reconstructed_are_skipped(monkeypatch: pytest.MonkeyPatch):
    made(FOUR)
    fill(Path("truths"), 4, 0, 20, 20)
    Path("truths/000.png").write_bytes(b"")
    encode = Tokenizer.encode
    calls = []

    def unlucky(self: Tokenizer, image: torch.Tensor) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode(self, image * (math.nan if len(calls) == 2 else 1))

    monkeypatch.setattr(Tokenizer, "encode", unlucky)
    result = invoke("evaluate", "truths", "--model", "m.safetensors")
    assert result.exit_code == 2
    for part in ("000.png", "001.png: is too large for the free memory; --size", "002.png: its reconstruction is not"):
        assert part in result.stderr
    found = figures()
    assert list(found["pictures"]) == ["003"] and len(found["skipped"]) == 3
    assert found["together"]["bits_per_pixel"] == 25 * 2 / 400  # of the one picture


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "m.safetensors", "--inputs", "truths"], "--inputs: a tokenizer reconstructs the truths"),
        (["--model", "m.safetensors", "--tile", "64"], "--tile: a tokenizer sees each picture whole"),
        (["--model", "m.safetensors", "--overlap", "exact"], "--overlap: a tokenizer sees"),
        (["--model", "m.safetensors", "--self-ensemble"], "--self-ensemble: a tokenizer sees"),
        (["--bicubic", "4", "--size", "16"], "--size: is for a tokenizer's --model alone"),
        (["--results", "truths", "--size", "16"], "--size: is for a tokenizer's --model alone"),
        (["--model", "cut.safetensors"], "cut.safetensors: not a whole .safetensors file"),
    ],
)
def test_bad_questions(words: list[str], message: str):
    made(FOUR)
    Path("cut.safetensors").write_bytes(Path("m.safetensors").read_bytes()[:-9])
    fill(Path("truths"), 1, 0, 20, 20)
    assert message in refused("evaluate", "truths", *words)
    assert not Path("evaluation.json").exists()
