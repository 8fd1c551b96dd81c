"""Wrong words on the command line and in a recipe, and sizes that no network takes."""

from pathlib import Path

import pytest
import torch

from tests.bad_input.helpers import PHOTOS, SMALL, trained
from tests.data.pictures import fill
from tests.training.started import invoke, refused

CPU = ["--device", "cpu"]


TYPOS = {
    "unknown recipe": (["recipe=cycelgan", "photos"], ["recipe=cycelgan", "did you mean 'cyclegan'?", ".yaml"]),
    "no recipe": (["photos"], ["recipe=NAME", "`advloss recipes`"]),
    "two recipes": (["recipe=pix2pix", "recipe=cyclegan", "photos"], ["recipe=NAME"]),
    "missing recipe file": (["recipe=mine.yaml", "photos"], ["mine.yaml: can't be read"]),
    "unknown key": ([*PHOTOS, "loss.cycle_a.weight=5"], ["command line", "did you mean 'losses'?"]),
    "unknown inner key": ([*PHOTOS, "train.iteration=5"], ["train.iteration", "did you mean 'iterations'?"]),
    "misspelt term": ([*PHOTOS, "losses.cycel_a.weight=5"], ["command line: losses.cycel_a", "'cycle_a'?"]),
    "dashes": ([*PHOTOS, "losses.cycle-a.weight=5"], ["losses.cycle-a", "did you mean 'cycle_a'?"]),
    "misspelt parameter": ([*PHOTOS, "losses.cycle_a.wieght=5"], ["did you mean 'weight'?"]),
    "misspelt loss": ([*PHOTOS, "losses.cycle_a.loss=charbonier"], ["cycle_a.loss", "'charbonnier'?"]),
    "misspelt objective": ([*PHOTOS, "losses.adversarial_a.objective=lsgn"], ["objective", "'lsgan'?"]),
    "misspelt network": ([*PHOTOS, "networks.generator.name=resnt"], ["networks.generator", "'resnet'?"]),
    "network parameter": ([*PHOTOS, "networks.generator.block=2"], ["did you mean 'blocks'?"]),
    "misspelt metric": ([*PHOTOS, "metrics.psn.between=[a,b]"], ["metrics.psn", "did you mean 'psnr'?"]),
    "missing tensor": (
        [*PHOTOS, "losses.cycle_a.between=[cycle_c,a]"],
        ["command line: losses.cycle_a.between.0", "unknown tensor 'cycle_c'", "did you mean 'cycle_"],
    ),
    "missing sample": ([*PHOTOS, "samples=[a,fake_c]"], ["samples", "unknown tensor 'fake_c'"]),
    "one tensor too few": ([*PHOTOS, "losses.cycle_a.between=[a]"], ["'l1' compares 2 tensor(s), 1 given"]),
    "bad YAML": ([*PHOTOS, "losses.cycle_a.between=[a"], ["losses.cycle_a.between: [a is not valid YAML"]),
    "no value": ([*PHOTOS, "optimizer.lr="], ["optimizer.lr", "valid number", "(got '')"]),
    "no sign": ([*PHOTOS, "optimizer.lr"], ["one data set at a time: photos, optimizer.lr", "key=value"]),
    "a key of a value": ([*PHOTOS, "data.batch.x=5"], ["data.batch.x: 'data.batch' is a single value, it has no keys"]),
    "negative rate": ([*PHOTOS, "optimizer.lr=-1"], ["optimizer.lr", "greater than 0", "(got '-1')"]),
    "precision": ([*PHOTOS, "train.precision=fp8"], ["train.precision", "'bf16'"]),
    "a GPU's precision": ([*PHOTOS, "train.precision=tf32", *CPU], ["tf32 is a GPU's", "use auto or fp32"]),
    "graphs on a CPU": ([*PHOTOS, "train.graphs=on", *CPU], ["graphs are a GPU's", "use off or auto"]),
    "compiling": ([*PHOTOS, "train.compile=yes"], ["train.compile", "'on'"]),
    "memory": ([*PHOTOS, "data.memory=gpu"], ["data.memory", "'device'"]),
    "no iterations in the recipe": ([*PHOTOS, "train.iterations=0"], ["train.iterations", "greater than 0"]),
    "no end": ([*PHOTOS, "train.iterations=null"], ["train: says no end: set epochs or iterations"]),
    "all terms off": (
        ["recipe=pix2pix-small", "photos", "losses.l1=null", "losses.adversarial=null"],
        ["losses: no term counts from the first iteration"],
    ),
    "crop": ([*PHOTOS, "data.crop=64"], ["data: crop (64) is larger than load (32)"]),
    "augmentation": ([*PHOTOS, "data.augment=[{name: ColorJiter}]"], ["data.augment[0]", "'ColorJitter'?"]),
    "device": ([*PHOTOS, "--device", "tpu"], ["--device tpu: is cpu or cuda"]),
    "two data sets": ([*PHOTOS, "stripes"], ["one data set at a time: photos, stripes"]),
    "no data": (SMALL[1:], ["`advloss data list`", "data.a=FOLDER data.b=FOLDER"]),
    "half the data": ([*SMALL[1:], "data.a=photos/trainA"], ["data.b=FOLDER"]),
    "a set and a side": ([*PHOTOS, "data.a=photos/trainA"], ["data.name: this and data.a both say where the data is"]),
    "unknown set": ([*SMALL[1:], "horse2zebr"], ["did you mean 'horse2zebra'?", "or a folder"]),
    "missing folder": ([*SMALL[1:], "./horses"], ["horses: no such folder"]),
    "no pairs": (["recipe=pix2pix-small", "stripes"], ["'stripes' has no pairs", "facades-like"]),
    "unpaired folder": (["recipe=pix2pix-small", "sides"], ["share a name", "cyclegan"]),
}  # fmt: skip


@pytest.mark.parametrize("case", TYPOS)
def test_a_wrong_word_stops_before_anything_is_written(case: str):
    words, fragments = TYPOS[case]
    fill(Path("sides/left"), ["a.png", "b.png"])
    fill(Path("sides/right"), ["c.png", "d.png"])
    said = refused("train", *words)
    for fragment in fragments:
        assert fragment in said
    assert not Path("runs").exists()


def test_every_mistake_of_a_recipe_file_is_named_with_its_line():
    text = Path(__file__).resolve().parents[2].joinpath("recipes/cyclegan-small.yaml").read_text()
    text = text.replace("batch: 1}", "batch: 0, cropp: 3}").replace("train: {", "train: {order: both, ")
    Path("mine.yaml").write_text(text)
    said = refused("show", "recipe=mine.yaml")
    lines = text.splitlines()
    data, train = (next(n for n, line in enumerate(lines, 1) if line.startswith(k)) for k in ("data:", "train:"))
    assert f"mine.yaml:{data}: data.batch: Input should be greater than 0 (got 0)" in said
    assert f"mine.yaml:{data}: data.cropp: unknown key 'cropp'; did you mean 'crop'?" in said
    assert f"mine.yaml:{train}: train: order and discriminator_steps are no more; write steps: " in said


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("method: [a", "mine.yaml:1: not valid YAML"),
        ("x: 1\ny: {z: 1,\n z: 2}\n", "mine.yaml:3: 'z' is written twice"),
        ("- a\n", "mine.yaml: a recipe is a mapping"),
        ("", "mine.yaml: a recipe is a mapping"),
    ],
)
def test_a_file_that_is_no_recipe(text: str, fragment: str):
    Path("mine.yaml").write_text(text)
    assert fragment in refused("train", "recipe=mine.yaml", "photos")
    assert not Path("runs").exists()


def test_the_command_lines_own_checks_have_exit_code_2_too():
    for words in (["--iterations", "0"], ["--iterations", "x"], ["--nonsense"]):
        result = invoke(*SMALL, "photos", *words)
        assert result.exit_code == 2 and words[0] in result.stderr
    assert not Path("runs").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none():
    trained()
    for words in ([*SMALL, "photos"], ["translate", "runs/run/model.safetensors", "photos", "out"]):
        assert "--device cuda: PyTorch finds no CUDA device" in refused(*words, "--device", "cuda")
    assert not Path("out").exists() and [path.name for path in Path("runs").iterdir()] == ["run"]


@pytest.mark.parametrize(
    ("words", "fragments"),
    [
        (["data.crop=30"], ["networks", "30x30 pixels", "multiples of 4", "data.crop"]),
        (["networks.generator={name: unet, levels: 8, width: 2}"], ["networks", "32x32 pixels", "multiples of 256"]),
        (["losses.adversarial_a.discriminator.layers=5"], ["losses.adversarial_a", "32", "96"]),
        (["losses.look={loss: ms_ssim, between: [cycle_b, b]}"], ["losses.look", "at least 161 x 161", "32 x 32"]),
        (
            ["metrics.look={metric: ssim, between: [a, partner_b]}", "data.crop=8"]
            + [f"losses.adversarial_{side}.discriminator.layers=1" for side in "ab"],
            ["metrics.look", "at least 11 x 11", "8 x 8"],
        ),
    ],
)
def test_shapes_that_can_not_work_are_found_before_the_first_batch(words: list[str], fragments: list[str]):
    for more in ([], ["--dry-run"]):
        said = refused(*SMALL, "photos", *words, *more)
        assert all(fragment in said for fragment in fragments), said
    assert not Path("runs").exists()
