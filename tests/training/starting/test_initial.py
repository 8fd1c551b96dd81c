"""What a training starts from: own and foreign networks and discriminators, whole or what fits of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from advloss.core.errors import InputError
from advloss.recipe.build import Built, build
from advloss.recipe.model_file import read_model, save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.run.initial import start_from_initial
from tests.training.started import TINY, done, refused, two_sides

SR = ["networks.generator={name: msrresnet, width: 4, blocks: 1}", "data.crop=24"]
CYCLE = [word for word in TINY if word.startswith(("networks", "losses", "data"))]


def made(name: str, *overrides: str) -> Built:
    source = read(name)
    for override in overrides:
        source.override(override)
    return build(resolve(source))


def same(one: torch.nn.Module, state: dict[str, torch.Tensor], start: str = "") -> bool:
    own = one.state_dict()
    return all(torch.equal(own[key], state[start + key]) for key in own)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run of a CycleGAN of 2 iterations."""
    folder = two_sides(tmp_path_factory.mktemp("initial"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done("train", "recipe=cyclegan-small", ".", *TINY, "--iterations", "2", "--run", "first")
    return folder / "runs/first"


def saved(path: Path, *overrides: str) -> Built:
    """A model file of super-resolution."""
    first = made("srresnet-small", *SR, *overrides)
    save_model(path, first.recipe, first.method.state_dict(), {})
    return first


def test_a_model_gives_its_weights_whatever_they_were_trained_for(tmp_path: Path):
    first = saved(tmp_path / "first.safetensors")
    second = made("srresnet-small", *SR, "seed=7", f"initial={tmp_path}/first.safetensors", "losses.pixel.loss=l2")
    assert not same(second.method, first.method.state_dict())
    assert start_from_initial(second) == [f"initial: the networks of {tmp_path}/first.safetensors"]
    assert same(second.method, first.method.state_dict())
    save_model(tmp_path / "second.safetensors", second.recipe, second.method.state_dict(), {})
    (tmp_path / "first.safetensors").unlink()
    read_model(tmp_path / "second.safetensors")  # needs the first no more


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("networks.generator.blocks=2", "networks.generator.blocks: 1 then, 2 now"),
        ("method.scale=2", "method.scale: 4 then, 2 now"),
        ("data.channels=1", r"first.conv.weight \(\[4, 3, 3, 3\], not \[4, 1, 3, 3\]\)"),
    ],
)
def test_a_model_of_another_network_is_refused(tmp_path: Path, override: str, message: str):
    saved(tmp_path / "first.safetensors")
    second = made("srresnet-small", *SR, override, f"initial={tmp_path}/first.safetensors")
    with pytest.raises(InputError, match=rf"(?s)initial: .*first.safetensors is of other networks:.*{message}"):
        start_from_initial(second)


def test_not_strict_it_takes_what_fits_and_says_what_not(tmp_path: Path):
    first = saved(tmp_path / "first.safetensors", "networks.generator.blocks=2")
    words = [f"initial={tmp_path}/first.safetensors", "initial.strict=false", "data.channels=1"]
    second = made("srresnet-small", *SR, *words)
    (line,) = start_from_initial(second)
    state = second.method.state_dict()
    fitting = [key for key, value in state.items() if value.shape == first.method.state_dict()[key].shape]
    assert len(fitting) == len(state) - 3  # the first convolution's kernel, the last one's kernel and bias
    assert all(torch.equal(state[key], first.method.state_dict()[key]) for key in fitting)
    assert f"{len(fitting)} of {len(state)} tensors; begin anew: 3 of another shape (" in line
    assert "generator.first.conv.weight [4, 3, 3, 3], here [4, 1, 3, 3]" in line
    assert "of the file not used: 4 (generator.blocks.1.conv1.bias" in line and "\n" not in line


def test_not_strict_another_architecture_is_refused_all_the_same(tmp_path: Path):
    saved(tmp_path / "first.safetensors")
    words = [f"initial={tmp_path}/first.safetensors", "initial.strict=false"]
    second = made("srresnet-small", "networks.generator={name: rrdbnet, width: 8, blocks: 1, growth: 4}", *words)
    with pytest.raises(InputError, match="is of another architecture: of its 14 tensors none with weights fits"):
        start_from_initial(second)


def test_a_checkpoint_gives_the_discriminators_too(run: Path):
    second = made("cyclegan-small", *CYCLE, "seed=7", f"initial={run}/checkpoint.pt")
    lines = start_from_initial(second)
    assert lines == [
        f"initial: the networks of {run}/checkpoint.pt, after iteration 2",
        f"initial: the discriminators of losses.adversarial_b, losses.adversarial_a of {run}/checkpoint.pt, after "
        "iteration 2",
    ]
    content = torch.load(run / "checkpoint.pt", weights_only=True)
    assert same(second.method, content["method"])
    for name, term in second.adversaries.items():
        assert same(term.loss.discriminator, content["terms"], f"{name}.loss.discriminator.")


def test_each_part_has_a_file_of_its_own(run: Path):
    """One direction of a CycleGAN begins a pix2pix, and its discriminator of b that of the pairs."""
    words = ["networks.generator={name: resnet, blocks: 1, width: 4, norm: instance, upsample: transposed}"]
    words += ["losses.adversarial.given=null", "losses.adversarial.discriminator={name: patchgan, width: 4, layers: 2}"]
    words += ["losses.adversarial.discriminator.norm=instance", f"initial.generator={{generator: {run}/checkpoint.pt}}"]
    second = made("pix2pix-small", *words, f"initial.discriminator={{adversarial: {run}/checkpoint.pt}}")
    with pytest.raises(InputError, match=r"generator\.generator: .* has g_ab, g_ba, and none of them is called gener"):
        start_from_initial(second)
    # a checkpoint of one network needs no name
    third = made("pix2pix-small", *words[:-1], f"initial.discriminator={run}/checkpoint.pt")
    with pytest.raises(InputError, match=r"has discriminators of adversarial_b, adversarial_a, and this recipe of adv"):
        start_from_initial(third)


def test_one_direction_of_a_model_and_the_other_from_nothing(run: Path):
    second = made("cyclegan-small", *CYCLE, "seed=7", f"initial.generator={{g_ba: {run}/model.safetensors}}")
    before = {key: value.clone() for key, value in second.method.g_ab.state_dict().items()}
    assert start_from_initial(second) == [f"initial: g_ba of {run}/model.safetensors"]
    assert same(second.method.g_ba, load_file(run / "model.safetensors"), "g_ba.")
    assert same(second.method.g_ab, before)


def weights_of(golden: Path, name: str, file: Path) -> Path:
    tensors = load_file(golden / f"{name}.safetensors")
    torch.save({key.removeprefix("weights."): value for key, value in tensors.items() if key[:8] == "weights."}, file)
    return file


def test_other_projects_networks(golden: Path, tmp_path: Path):
    generator = weights_of(golden, "cyclegan_resnet6", tmp_path / "latest_net_G_A.pth")
    discriminator = weights_of(golden, "patchgan_instance", tmp_path / "latest_net_D_A.pth")
    words = ["networks.generator={name: resnet, blocks: 6, width: 8, norm: instance}"]
    term = "losses.adversarial_b.discriminator"
    words += [f"initial.generator={{g_ab: {generator}}}", f"initial.discriminator={{adversarial_b: {discriminator}}}"]
    recorded = load_file(golden / "patchgan_instance.safetensors")
    width, channels = recorded["weights.model.0.weight"].shape[:2]
    layers = sum(value.ndim == 4 for key, value in recorded.items() if key.startswith("weights.")) - 2
    words += [
        f"{term}={{name: patchgan, width: {width}, layers: {layers}, norm: instance}}",
        f"data.channels={channels}",
    ]
    second = made("cyclegan-small", *[word for word in words if channels == 3 or "data" not in word])
    assert start_from_initial(second) == [
        f"initial: g_ab of {generator}",
        f"initial: the discriminator of losses.adversarial_b of {discriminator}",
    ]
    with torch.no_grad():
        torch.testing.assert_close(
            second.adversaries["adversarial_b"].loss.discriminator(recorded["input"]),
            recorded["output"],
            rtol=0,
            atol=1e-5,
        )
    alone = made("cyclegan-small", *CYCLE, f"initial.generator={generator}")
    with pytest.raises(
        InputError, match=r"holds one network; say which of g_ab, g_ba it is: initial\.generator=\{g_ab"
    ):
        start_from_initial(alone)
    narrow = made("cyclegan-small", *CYCLE, f"initial.generator={{g_ab: {generator}}}")
    with pytest.raises(
        InputError, match=r"(?s)other networks:\n  it is name=resnet, width=8, blocks=6.*make them alike"
    ):
        start_from_initial(narrow)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["initial.generator={g_a: MODEL}"], "initial.generator.g_a: unknown network 'g_a'; did you mean 'g_ba'?"),
        (["initial.discriminator=MODEL"], "a model file has no discriminators; the run's checkpoint.pt has them"),
        (["initial.discriminator={a: MODEL}"], "a model file has no discriminators"),
        (["initial={file: MODEL, generator: MODEL}"], "file stands for all that it has"),
        (["initial={strict: false}"], "initial: names no file"),
        (["initial.generator=nowhere.pt"], "initial: nowhere.pt: no such model file; name the one to start from"),
        (["initial.generator=[1]"], "initial.generator: [1] is no file"),
        (["initial.generator=trainA"], "initial: trainA: "),
    ],
)
def test_what_names_nothing_is_said(run: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str):
    monkeypatch.chdir(run.parents[1])
    named = [word.replace("MODEL", "runs/first/model.safetensors") for word in words]
    assert message in refused("train", "recipe=cyclegan-small", ".", *TINY, *named, "--iterations", "1", "--run", "r")
    assert not Path("runs/r").exists()
