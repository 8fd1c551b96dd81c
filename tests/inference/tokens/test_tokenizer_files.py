"""Tokenizers of other projects through `advloss import`, and ours through `advloss export` into diffusers."""

import json
import sys
import types
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import advloss
from advloss.core.errors import InputError
from advloss.inference.tokens.fingerprint import fingerprint
from tests.inference.networks import nearest_model, tokenizer_model
from tests.training.started import done, refused


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def taming(golden: Path) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The golden VQGAN's weights under taming's names, and what the reference computes with them."""
    tensors = load_file(golden / "vqgan.safetensors")
    weights = {key.removeprefix("weights."): tensors[key] for key in tensors if key.startswith("weights.")}
    return weights, tensors


def check_golden(file: str, recorded: dict[str, torch.Tensor]) -> None:
    model = advloss.load(file)
    indices = model.encode(recorded["input"])
    assert torch.equal(indices.flatten(), recorded["indices"].flatten().long()) and len(indices.unique()) > 5
    height, width = recorded["input"].shape[-2:]
    torch.testing.assert_close(model.decode(indices, (height, width)), recorded["output"], rtol=0, atol=1e-4)
    torch.testing.assert_close(model.reconstruct(recorded["input"]), recorded["output"], rtol=0, atol=1e-4)


def test_a_vqgan_of_taming_transformers(golden: Path):
    weights, recorded = taming(golden)
    torch.save({"state_dict": weights, "epoch": 3}, "last.ckpt")
    result = done("import", "tokenizer", "last.ckpt", "m.safetensors")
    assert result.stdout == "m.safetensors\n" and "bottleneck: name=vq" in result.stderr
    check_golden("m.safetensors", recorded)
    model = advloss.load("m.safetensors")
    assert model.about["source"] == "last.ckpt" and model.recipe.method.name == "tokenizer"
    assert model.recipe.networks["bottleneck"].parameters["legacy"]  # as its checkpoint was trained


def test_an_imported_model_through_diffusers_and_back_is_the_same(golden: Path):
    """The same fingerprint: tokens made with the one are the other's."""
    weights, recorded = taming(golden)
    save_file(weights, "vqgan.safetensors")
    done("import", "tokenizer", "vqgan.safetensors", "m.safetensors")
    result = done("export", "m.safetensors", "far/folder")
    assert result.stdout == "far/folder\n" and "diffusers.VQModel.from_pretrained('far/folder')" in result.stderr
    assert {path.name for path in Path("far/folder").iterdir()} == {
        "config.json",
        "diffusion_pytorch_model.safetensors",
    }
    assert [path.name for path in Path("far").iterdir()] == ["folder"]
    file = Path("far/folder/diffusion_pytorch_model.safetensors")
    for number, source in enumerate((file.parent, file)):
        done("import", "tokenizer", source, f"{number}.safetensors")
        check_golden(f"{number}.safetensors", recorded)
    marks = {
        fingerprint(model.method, model.recipe)
        for model in map(advloss.load, ("m.safetensors", "0.safetensors", "1.safetensors"))
    }
    assert len(marks) == 1


@pytest.mark.parametrize(
    ("kind", "bottleneck"),
    [
        ("VQModel", "{name: vq, codes: 30, channels: 4}"),
        ("VQModel", "{name: vq, codes: 30, channels: 4, normalize: true, kmeans: true, revive: 0.01}"),
        ("VQModel", "{name: vq, codes: 30, channels: 4, ema: true}"),
        ("AutoencoderKL", "{name: kl, channels: 2}"),
    ],
)
def test_diffusers_gives_the_same_reconstruction(kind: str, bottleneck: str):
    diffusers = pytest.importorskip("diffusers")
    if kind == "AutoencoderKL":
        model_file = tokenizer_model(Path("m.safetensors"), bottleneck, z_channels=(4, 2))
    else:
        model_file = tokenizer_model(Path("m.safetensors"), bottleneck)
    done("export", model_file, "out")
    network = getattr(diffusers, kind).from_pretrained("out", local_files_only=True).eval()
    image = torch.rand(2, 3, 24, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        theirs = network(image).sample
    ours = advloss.load(model_file).reconstruct(image)
    assert ours.std() > 0.01
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    done("import", "tokenizer", "out", "back.safetensors")
    torch.testing.assert_close(advloss.load("back.safetensors").reconstruct(image), ours, rtol=0, atol=1e-5)


def test_what_can_not_be_exported():
    tokenizer_model(Path("fsq.safetensors"), "{name: fsq, levels: [8, 5]}")
    tokenizer_model(Path("m.safetensors"))
    nearest_model(Path("sr.safetensors"))
    said = refused("export", "fsq.safetensors", "out")
    assert "diffusers has classes for the bottlenecks vq (VQModel) and kl (AutoencoderKL), not for fsq" in said
    assert "enlarges 2 times, it does not export" in refused("export", "sr.safetensors", "out")
    assert "none.safetensors: no such model file" in refused("export", "none.safetensors", "out")
    Path("full").mkdir()
    Path("full/mine").write_text("x")
    assert "full: has files in it; name a new folder" in refused("export", "m.safetensors", "full")
    assert "full/mine: is a file; name a new folder" in refused("export", "m.safetensors", "full/mine")
    for factor in ("0", "-1", "nan", "inf"):
        assert f"scaling factor {float(factor)}: is a number above 0" in refused(
            "export", "m.safetensors", "out", "--scaling-factor", factor
        )
        assert not Path("out").exists()
    assert not Path("out").exists() and [path.name for path in Path("full").iterdir()] == ["mine"]
    Path("empty").mkdir()
    done("export", "m.safetensors", "empty")


def test_an_export_that_can_not_be_written_leaves_no_folder(monkeypatch: pytest.MonkeyPatch):
    tokenizer_model(Path("m.safetensors"))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    said = refused("export", "m.safetensors", "out")
    assert "out: can't be written (No space left on device)" in said
    assert [path.name for path in Path().iterdir()] == ["m.safetensors"]


def lightning_checkpoint(path: str, weights: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """A file as Lightning's trainer of 2021 leaves it: a class of its own among the keys of `callbacks`."""
    name = "pytorch_lightning.callbacks.model_checkpoint"
    module = types.ModuleType(name)
    module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": name})
    settings = module.ModelCheckpoint()
    settings.folder = "elsewhere"
    with monkeypatch.context() as context:
        for part in ("pytorch_lightning", "pytorch_lightning.callbacks"):
            context.setitem(sys.modules, part, types.ModuleType(part))
        context.setitem(sys.modules, name, module)
        held = {"state_dict": weights, "callbacks": {module.ModelCheckpoint: {"best": 1}}, "settings": settings}
        torch.save(held, path)


def test_a_checkpoint_with_lightnings_objects_in_it(golden: Path, monkeypatch: pytest.MonkeyPatch):
    """They are skipped, and nothing of them is run; objects of anything else are refused."""
    weights, _ = taming(golden)
    lightning_checkpoint("last.ckpt", weights, monkeypatch)
    done("import", "tokenizer", "last.ckpt", "m.safetensors")
    torch.save({"state_dict": weights}, "plain.ckpt")
    done("import", "tokenizer", "plain.ckpt", "plain.safetensors")
    one, other = (load_file(name) for name in ("m.safetensors", "plain.safetensors"))
    assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
    torch.save({"state_dict": weights, "share": Fraction(1, 3)}, "other.ckpt")
    said = refused("import", "tokenizer", "other.ckpt", "other.safetensors")
    assert "it holds fractions.Fraction besides tensors" in said and not Path("other.safetensors").exists()


def test_imports_of_tokenizers_that_are_refused(golden: Path):
    weights, _ = taming(golden)
    torch.save({"weight": torch.zeros(3)}, "other.pth")
    torch.save({key: weights[key] for key in weights if "decoder" not in key}, "half.ckpt")
    torch.save({"state_dict": 5}, "none.ckpt")
    Path("folder/vae").mkdir(parents=True)
    Path("folder/vae/config.json").write_text("{}")
    tokenizer_model(Path("m.safetensors"))
    done("export", "m.safetensors", "df")
    config = json.loads(Path("df/config.json").read_text())
    for file, fragments in (
        ("other.pth", ["other.pth: expected a tokenizer", "LlamaGen or diffusers; the file holds weight"]),
        ("half.ckpt", ["half.ckpt: expected a decoder (decoder.conv_in.weight)"]),
        ("none.ckpt", ["none.ckpt: 'state_dict' is of type int"]),
        ("folder", ["folder: has no diffusion_pytorch_model.safetensors", "folder/vae looks like one"]),
        ("nowhere", ["nowhere: no such file"]),
    ):
        said = refused("import", "tokenizer", file, "new.safetensors")
        assert all(fragment in said for fragment in fragments), said
    for text, fragment in (
        ("{", "df/config.json: can't be read as JSON"),
        ("[]", "df/config.json: is no configuration of diffusers"),
        (json.dumps({**config, "norm_type": "spatial"}), "norm_type=spatial in config.json"),
    ):
        Path("df/config.json").write_text(text)
        assert fragment in refused("import", "tokenizer", "df", "new.safetensors")
    assert not Path("new.safetensors").exists()


def test_grey_tokenizers_are_refused():
    tokenizer_model(Path("m.safetensors"))
    done("export", "m.safetensors", "df")
    file = Path("df/diffusion_pytorch_model.safetensors")
    weights = load_file(file)
    weights["encoder.conv_in.weight"] = weights["encoder.conv_in.weight"][:, :1].contiguous()
    save_file(weights, file)
    assert "takes 1 and gives 3 channels" in refused("import", "tokenizer", "df", "new.safetensors")


# in Python -----------------------------------------------------------------------------------------------------------


def test_what_the_library_says_of_wrong_input():
    tokenizer_model(Path("m.safetensors"))
    nearest_model(Path("sr.safetensors"))
    model, other = advloss.load("m.safetensors"), advloss.load("sr.safetensors")
    image = torch.zeros(1, 3, 9, 17)
    indices = model.encode(image)
    assert indices.shape == (1, 3, 5) and indices.dtype == torch.int64 and model.factor == 4
    for call, fragment in (
        (lambda: other.encode(image), "enlarges 2 times, it does not encode: use `advloss upscale INPUT"),
        (lambda: other.decode(indices, (9, 17)), "it does not decode: use `advloss upscale INPUT"),
        (lambda: other.reconstruct(image), "it does not reconstruct: use `advloss upscale INPUT"),
        (lambda: model.translate(image), "is a tokenizer, it does not translate: use `advloss reconstruct INPUT"),
        (lambda: model.upscale(image), "is a tokenizer, it does not upscale: use `advloss reconstruct INPUT"),
        (lambda: model.encode(image[0]), r"encode: takes float images \[B, 3, H, W\]"),
        (lambda: model.reconstruct(image + 200), r"reconstruct: takes images in \[-1, 1\]"),
        (lambda: model.decode(indices, (9, 21)), "at 4 pixels a token it has 3 x 6"),
        (lambda: model.decode(indices, (0, 17)), "are not of a picture of 0 x 17"),
        (lambda: model.decode(indices[0], (9, 17)), "are not of a picture of 9 x 17"),
        (lambda: model.decode(indices + 300, (9, 17)), "its 300 codes are 0 to 299"),
        (lambda: model.decode(indices.float(), (9, 17)), "they are integers"),
    ):
        with pytest.raises(InputError, match=fragment):
            call()
    with torch.no_grad():
        next(model.method.encoder.parameters()).fill_(torch.nan)
    with pytest.raises(InputError, match="the encoder's output is not a number"):
        model.encode(image)
