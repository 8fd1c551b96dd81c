"""The reference's checkpoints through `advloss import`, against what the reference computes with them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import advloss
from advloss.core.errors import InputError
from advloss.inference.model import Model
from advloss.interop.importing import import_model
from tests.data.pictures import fill
from tests.training.started import done

Recorded = tuple[torch.Tensor, torch.Tensor]


def written(golden: Path, name: str, file: Path) -> Recorded:
    """The golden file's weights as the reference saves them; gives its input and output."""
    tensors = load_file(golden / f"{name}.safetensors")
    torch.save({key.removeprefix("weights."): value for key, value in tensors.items() if key[:8] == "weights."}, file)
    return tensors["input"], tensors["output"]


def imported(method: str, name: str, golden: Path, folder: Path, *settings: str) -> tuple[Model, Recorded]:
    recorded = written(golden, name, folder / "latest_net_G.pth")
    result = done("import", method, folder / "latest_net_G.pth", folder / "m.safetensors", *settings)
    assert result.stdout == f"{folder / 'm.safetensors'}\n"
    return advloss.load(folder / "m.safetensors"), recorded


def modules(model: Model, kind: str) -> list:
    return [module for module in model.method.modules() if type(module).__name__ == kind]


@pytest.mark.parametrize("blocks", [6, 9])
def test_cyclegan(golden: Path, tmp_path: Path, blocks: int):
    model, (x, y) = imported("cyclegan", f"cyclegan_resnet{blocks}", golden, tmp_path)
    assert model.directions == ["a2b"] and model.about["source"] == "latest_net_G.pth"
    settings = model.recipe.networks["generator"]
    assert settings.name == "resnet" and settings.parameters["blocks"] == blocks and settings.parameters["width"] == 8
    torch.testing.assert_close(model.translate(x), y, rtol=0, atol=1e-5)


NO_DROPOUT = "networks.generator.dropout=0"  # of a training with --no_dropout: the weights are the same
RUNNING = "networks.generator.statistics_at_inference=running"  # as the reference's --eval


@pytest.mark.parametrize(
    "settings", [(NO_DROPOUT, RUNNING), ("networks.generator.dropout_at_inference=false", RUNNING)]
)
def test_pix2pix_with_running_statistics(golden: Path, tmp_path: Path, settings: tuple[str, ...]):
    model, (x, y) = imported("pix2pix", "pix2pix_unet256", golden, tmp_path, *settings)
    torch.testing.assert_close(model.translate(x), y, rtol=0, atol=1e-5)


def test_pix2pix_with_batch_statistics(golden: Path, tmp_path: Path):
    model, (x, y) = imported("pix2pix", "pix2pix_unet256_train", golden, tmp_path)
    dropouts = modules(model, "Dropout")
    assert dropouts and all(dropout.at_inference and dropout.p == 0.5 for dropout in dropouts)
    assert not torch.allclose(model.translate(x), y, atol=1e-2)


def test_pix2pix_with_batch_statistics_and_no_dropout(golden: Path, tmp_path: Path):
    model, (x, y) = imported("pix2pix", "pix2pix_unet256_train", golden, tmp_path, NO_DROPOUT)
    torch.testing.assert_close(model.translate(x), y, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("networks.generator.width=9", "its weights are not those of the network that the settings say"),
        ("networks.generator.blocks=7", "missing: g_ab.blocks.6.conv1.weight"),
        ("networks.generator.norm=batch", "unexpected: g_ab.first.conv.bias"),
        ("networks.generator.name=unet", "replace the whole, networks.generator={name: ...}"),
        ("networks.generator.dropuot=0", "did you mean 'dropout'"),
        ("no-setting", "'no-setting' is no key=value"),
    ],
)
def test_settings_that_do_not_fit(golden: Path, tmp_path: Path, setting: str, message: str):
    written(golden, "cyclegan_resnet6", tmp_path / "G.pth")
    with pytest.raises(InputError) as error:
        import_model("cyclegan", tmp_path / "G.pth", tmp_path / "m.safetensors", [setting])
    assert message in str(error.value) and not (tmp_path / "m.safetensors").exists()


def test_the_checkpoint_of_a_module_in_data_parallel(golden: Path, tmp_path: Path):
    x, y = written(golden, "cyclegan_resnet6", tmp_path / "G.pth")
    state = torch.load(tmp_path / "G.pth", weights_only=True)
    torch.save({f"module.{key}": value for key, value in state.items()}, tmp_path / "G.pth")
    done("import", "cyclegan", tmp_path / "G.pth", tmp_path / "m.safetensors")
    torch.testing.assert_close(advloss.load(tmp_path / "m.safetensors").translate(x), y, rtol=0, atol=1e-5)


def test_a_checkpoint_in_the_format_before_zip_files(golden: Path, tmp_path: Path):
    x, y = written(golden, "cyclegan_resnet6", tmp_path / "G.pth")
    state = torch.load(tmp_path / "G.pth", weights_only=True)
    torch.save(state, tmp_path / "G.pth", _use_new_zipfile_serialization=False)
    done("import", "cyclegan", tmp_path / "G.pth", tmp_path / "m.safetensors")
    torch.testing.assert_close(advloss.load(tmp_path / "m.safetensors").translate(x), y, rtol=0, atol=1e-5)


def test_an_imported_model_translates_files(golden: Path, tmp_path: Path):
    imported("cyclegan", "cyclegan_resnet6", golden, tmp_path)
    fill(tmp_path / "in", 2, height=9, width=13)
    done("translate", tmp_path / "m.safetensors", tmp_path / "in", tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 2


CUT = Path(__file__).parents[1] / "tools" / "cut.safetensors"


def written_cut(file: Path, **change: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The generator of CUT's golden file as its authors save it, with these tensors in place of its own; gives an input
    and the output."""
    tensors = load_file(CUT)
    prefix = "weights.G."
    state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    torch.save(state | {key.replace("__", "."): value for key, value in change.items()}, file)
    return tensors["images.a"][0].float() / 127.5 - 1, tensors["output"]


def test_cut(tmp_path: Path):
    x, y = written_cut(tmp_path / "latest_net_G.pth")
    done("import", "cut", tmp_path / "latest_net_G.pth", tmp_path / "m.safetensors")
    model = advloss.load(tmp_path / "m.safetensors")
    settings = model.recipe.networks["generator"].parameters
    assert (settings["blocks"], settings["width"], settings["init"]) == (6, 2, "xavier")
    assert settings["downsample"] == settings["upsample"] == "antialiased"
    torch.testing.assert_close(model.translate(x), y, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model__7__filt", torch.ones(4, 1, 3, 3) / 9, r"model\.7\.filt is not there or no filter"),
        ("model__18__filt", torch.ones(8, 1, 3, 3) / 9, r"model\.18\.filt is not there or no filter"),
        ("model__30__weight", torch.ones(1), r"unexpected: model\.30\.weight"),
    ],
)
def test_other_filters_than_cut_s_are_refused(tmp_path: Path, key: str, value: torch.Tensor, message: str):
    written_cut(tmp_path / "G.pth", **{key: value})
    with pytest.raises(InputError, match=message):
        import_model("cut", tmp_path / "G.pth", tmp_path / "m.safetensors")
    assert not (tmp_path / "m.safetensors").exists()
