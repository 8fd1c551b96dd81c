"""The command line as it is meant to be used: every command, what it prints and what it leaves behind."""

import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors import safe_open
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import advloss
from advloss.cli import main
from advloss.images.reading import read_picture
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from tests.data.pictures import fill, picture, profile
from tests.training.started import TINY, TINY_PAIRS, done, invoke, log, pairs, refused, two_sides

SMALL = ["train", "recipe=cyclegan-small", *TINY]
RUN = Path("runs/run")
MODEL = RUN / "model.safetensors"


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder to work in, with two sides of four pictures in `photos`."""
    monkeypatch.chdir(tmp_path)
    two_sides(Path("photos"))


@pytest.fixture(scope="session")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file of a cyclegan."""
    with pytest.MonkeyPatch.context() as context:
        context.chdir(tmp_path_factory.mktemp("translator"))
        two_sides(Path("photos"))
        done(*SMALL, "photos", "--run", "run", "--iterations", "1", "samples=[]")
        return MODEL.resolve()


# what is printed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        *([], ["train"], ["translate"], ["upscale"], ["tokenize"], ["detokenize"], ["reconstruct"]),
        *(["import"], ["export"], ["show"], ["recipes"], ["data"]),
    ],
)
def test_every_help_says_what_it_is_for(words: list[str]):
    text = done(*words, "--help").stdout
    assert "Usage" in text
    if words and words[0] not in ("recipes", "data"):
        example = re.search(r"Examples?:\s+advloss (\w+)", text)
        assert example and example[1] == words[0]


@pytest.mark.parametrize("words", [["list"], ["check"]])
def test_the_help_of_data(words: list[str]):
    text = done("data", *words, "--help").stdout
    assert words == ["list"] or "Example: advloss data check" in text


def test_help_does_not_wait_for_torch():
    code = "import sys, advloss.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def row(text: str, key: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.split()[:1] == [key])
    return re.split(r"\s{2,}", line.strip())


def test_show_says_where_every_value_comes_from():
    text = done("show", "recipe=cyclegan", "losses.cycle_a.weight=5", "horse2zebra", "train.clip=1e-1").stdout
    lines = Path(__file__).resolve().parents[2].joinpath("recipes/cyclegan.yaml").read_text().splitlines()
    at = {line.split(":")[0].strip(): number for number, line in enumerate(lines, 1)}
    assert row(text, "losses.cycle_a.weight") == ["losses.cycle_a.weight", "5.0", "command line"]
    assert row(text, "losses.cycle_b.weight")[1:] == ["10.0", f"recipes/cyclegan.yaml:{at['cycle_b']}"]
    assert row(text, "networks.generator.blocks")[1:] == ["9", f"recipes/cyclegan.yaml:{at['generator']}"]
    assert row(text, "networks.generator.padding")[1:] == ["reflect", "default"]
    assert row(text, "data.name")[1:] == ["horse2zebra", "command line"]
    assert row(text, "train.clip")[1:] == ["0.1", "command line"]
    assert row(text, "train.accumulate")[1:] == ["1", "default"]
    assert row(text, "method.name")[1:] == ["cyclegan", f"recipes/cyclegan.yaml:{at['method']}"]
    assert row(text, "seed")[1:] == ["0", "default"]


def test_show_of_a_part_that_is_replaced_whole():
    words = ["losses.look={loss: charbonnier, between: [cycle_b, b]}", "losses.identity_a=null", "optimizer=sgd"]
    text = done("show", "recipe=cyclegan", *words, "losses.cycle_b.loss=l2").stdout
    assert row(text, "losses.look.loss")[1:] == ["charbonnier", "command line"]
    assert row(text, "losses.look.weight")[1:] == ["1.0", "default"]
    assert row(text, "losses.cycle_b.loss")[1:] == ["l2", "command line"]
    assert row(text, "optimizer.name")[1:] == ["sgd", "command line"]
    assert row(text, "optimizer.lr")[1:] == ["0.01", "default"]
    assert "losses.identity_a" not in text


def test_recipes_lists_the_packaged_and_ones_own():
    Path("recipes").mkdir()
    Path("recipes/mine.yaml").write_text("# Mine: a recipe of my own.\nmethod: cyclegan\n")
    Path("recipes/pix2pix.yaml").write_text("# This one hides the packaged.\nmethod: pix2pix\n")
    text = done("recipes").stdout
    assert row(text, "mine") == ["mine", "Mine: a recipe of my own.", "recipes/mine.yaml"]
    assert row(text, "pix2pix")[1:] == ["This one hides the packaged.", "recipes/pix2pix.yaml"]
    assert row(text, "cyclegan")[1].startswith("CycleGAN: Zhu, Park, Isola, Efros 2017, arXiv:1703.10593")


def test_data_list_has_every_set():
    text = done("data", "list").stdout
    assert done("data").stdout == text
    names = "horse2zebra apple2orange summer2winter_yosemite monet2photo cezanne2photo ukiyoe2photo vangogh2photo maps"
    names += " cityscapes facades iphone2dslr_flower edges2shoes edges2handbags night2day stripes facades-like"
    for name in names.split():
        assert row(text, name)
    assert row(text, "horse2zebra")[1] == "unpaired" and row(text, "facades")[1] == "unpaired, paired"
    assert row(text, "stripes")[1] == "synthetic, unpaired"


def test_data_check_reports_in_a_table_and_in_words():
    shutil.copy("photos/trainA/000.png", "photos/trainA/again.png")
    fill(Path("photos/testA"), 1, first=90)
    shutil.copy("photos/trainB/001.png", "photos/leak.png")
    Path("photos/testB").mkdir()
    Path("photos/leak.png").rename("photos/testB/leak.png")
    Image.fromarray(picture(50)).convert("L").save("photos/trainB/grey.png")
    data = Path("photos/trainA/001.png").read_bytes()
    Path("photos/trainA/001.png").write_bytes(data[:-300])
    text = done("data", "check", "photos").stdout
    table = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    assert ["split", "side", "images", "height x width", "modes", "unreadable", "without partner"] in table
    assert ["train", "a (A)", "5", "40x44", "8-bit RGB", "1"] in table
    assert ["train", "b (B)", "5", "24x24 to 40x44", "4 8-bit RGB, 1 8-bit grey", "0"] in table
    assert "photos: train 5 of a (A) and 5 of b (B); test 1 of a (A) and 1 of b (B)" in text
    assert "1 files can't be read: photos/trainA/001.png: " in text
    assert "1 groups of exact duplicates: 000.png = again.png" in text
    assert "1 pictures of val or test are also in train: photos/testB/leak.png is photos/trainB/001.png" in text


# training ------------------------------------------------------------------------------------------------------------


def test_a_dry_run_shows_the_plan_and_writes_nothing():
    before = sorted(Path().rglob("*"))
    result = done(
        *SMALL, "photos", "--dry-run", "losses.identity_a=null", "train.steps={discriminator: 2, generator: 1}"
    )
    assert row(result.stdout, "fake_b") == ["fake_b", "[1, 3, 32, 32]"]
    assert "same_b " in result.stdout and "same_a" not in result.stdout  # only what some term needs
    assert "3000 iterations (1500 epochs of 2)" in result.stdout
    assert "photos: train 4 of a (A) and 4 of b (B)" in result.stderr
    assert sorted(Path().rglob("*")) == before


def test_a_run_leaves_its_files():
    fill(Path("photos/valA"), 2, first=20)
    fill(Path("photos/valB"), 2, first=30)
    words = ["photos", "--run", "run", "--iterations", "6", "train.log_every=2", "train.sample_every=3"]
    result = done(*SMALL, *words, "train.validate_every=4", "train.checkpoint_every=4")
    assert result.stdout == "runs/run/model.safetensors\n"
    assert "6 iterations (1.5 epochs of 4)" in result.stderr and "validation after iteration 4: " in result.stderr

    lines = log(Path(), "run")
    iterations = [line for line in lines if "losses" in line]
    assert [(line["iteration"], line["epoch"]) for line in iterations] == [(2, 0), (4, 0), (6, 1)]
    terms = {"adversarial_a", "adversarial_b", "cycle_a", "cycle_b", "identity_a", "identity_b"}
    assert iterations[0]["losses"].keys() == terms | {"adversarial_a.discriminator", "adversarial_b.discriminator"}
    assert all(math.isfinite(value) for line in iterations for value in line["losses"].values())
    assert iterations[0]["lr"] == 4e-4 and iterations[0]["images_per_second"] > 0
    measured = [(line["iteration"], line["validation"].keys()) for line in lines if "validation" in line]
    # without partners, metrics that need them are skipped
    assert measured == [(iteration, {"kid", "kid_error", "cycle_psnr"}) for iteration in (4, 6)]

    events = EventAccumulator(str(RUN / "tensorboard")).Reload()
    scalars = events.Tags()["scalars"]
    assert {f"losses/{term}" for term in terms} | {"lr", "validation/cycle_psnr", "images_per_second"} <= {*scalars}
    assert [event.step for event in events.Scalars("losses/cycle_a")] == [2, 4, 6]
    assert events.Scalars("losses/cycle_a")[1].value == pytest.approx(iterations[1]["losses"]["cycle_a"])
    assert [event.step for event in events.Images("samples")] == [1, 3, 6]

    assert sorted(path.name for path in (RUN / "samples").iterdir()) == ["0000001.png", "0000003.png", "0000006.png"]
    with Image.open(RUN / "samples/0000006.png") as grid:  # two rows of six: 32 px shown as 96
        assert grid.size == (6 * 100 + 4, 18 + 2 * 100 + 4) and np.asarray(grid).std() > 10
    again, given = (resolve(read(name)) for name in (str(RUN / "recipe.yaml"), "cyclegan-small"))
    assert again.plain() == yaml.safe_load((RUN / "recipe.yaml").read_text())
    assert again.networks["generator"].parameters["width"] == 4 and again.data.name == "photos"
    assert again.losses["cycle_a"] == given.losses["cycle_a"]

    best, model = (advloss.load(RUN / name) for name in ("best.safetensors", "model.safetensors"))
    assert model.about["iteration"] == 6 and best.about["iteration"] in (4, 6)
    assert model.recipe.plain() == again.plain()
    assert not list(RUN.glob(".advloss*"))


def test_a_run_that_is_resumed_goes_on_with_its_log():
    done(*SMALL, "photos", "--run", "run", "--iterations", "3")
    done(*SMALL, "photos", "--run", "whole", "--iterations", "5")
    assert "from iteration 4" in done("train", "--run", "run", "--resume", "--iterations", "5").stderr
    assert [line["iteration"] for line in log(Path(), "run")] == [1, 2, 3, 4, 5]
    assert [line["losses"] for line in log(Path(), "run")] == [line["losses"] for line in log(Path(), "whole")]


def test_the_runs_name_is_that_of_recipe_and_data():
    done(*SMALL, "photos/", "--iterations", "1")
    done(*SMALL, "data.a=photos/trainA", "data.b=photos/trainB", "--iterations", "1")
    assert sorted(path.name for path in Path("runs").iterdir()) == ["cyclegan-small-photos", "cyclegan-small-trainA"]


@pytest.mark.parametrize("precision", ["bf16", "fp16", "fp64"])
def test_every_precision_trains_on_the_cpu(precision: str):
    words = ["train.clip=1", "train.average=0.9", "--iterations", "3", "--run", "run"]
    done(*SMALL, "photos", f"train.precision={precision}", *words)
    losses = [line["losses"] for line in log(Path(), "run")]
    assert len(losses) == 3 and all(math.isfinite(value) for line in losses for value in line.values())
    with safe_open(MODEL, "pt") as file:
        values = [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118 (not a dict)
    assert all(value.isfinite().all() for value in values)
    assert {value.dtype for value in values} == {torch.float64 if precision == "fp64" else torch.float32}


# translating ---------------------------------------------------------------------------------------------------------


def test_a_picture_of_any_size_becomes_one_of_the_same_size(translator: Path):
    Path("in").mkdir()
    for height, width in ((1, 1), (1, 40), (7, 5), (33, 47)):
        path = Path("in", f"{height}x{width}.png")
        Image.fromarray(picture(height, height, width)).save(path)
        result = done("translate", translator, path, f"out-{path.name}")
        assert "1 picture written" in result.stderr
        assert read_picture(f"out-{path.name}").pixels.shape == (height, width, 3)


def test_bit_depth_alpha_and_profile_are_kept(translator: Path):
    Path("in").mkdir()
    rgb, alpha, icc = picture(1, 20, 24), picture(2, 20, 24)[..., 0], profile()
    deep = rgb.astype(np.uint16) * 257
    cv2.imwrite("in/deep.png", deep[..., ::-1])
    cv2.imwrite("in/deep-alpha.png", np.dstack([deep[..., ::-1], alpha.astype(np.uint16) * 250]))
    Image.fromarray(deep[..., 0]).save("in/deep-grey.png")
    Image.fromarray(np.dstack([rgb, alpha])).save("in/alpha.png", icc_profile=icc)
    Image.fromarray(rgb).save("in/plain.jpg", icc_profile=icc)
    Image.fromarray(rgb).convert("P").save("in/palette.png")
    done("translate", translator, "in", "out")
    made = {path.name: read_picture(path) for path in Path("out").iterdir()}
    assert made.keys() == {path.name for path in Path("in").iterdir()}
    kinds = {name: (str(made[name].pixels.dtype), made[name].alpha is not None, made[name].icc) for name in made}
    assert kinds == {
        "deep.png": ("uint16", False, None),
        "deep-alpha.png": ("uint16", True, None),
        "deep-grey.png": ("uint16", False, None),
        "alpha.png": ("uint8", True, icc),
        "plain.jpg": ("uint8", False, icc),
        "palette.png": ("uint8", False, None),
    }
    assert all(image.pixels.shape == (20, 24, 3) for image in made.values())
    np.testing.assert_array_equal(made["alpha.png"].alpha, alpha)
    np.testing.assert_array_equal(made["deep-alpha.png"].alpha, alpha.astype(np.uint16) * 250)
    low = made["deep.png"].pixels % 257
    assert len(np.unique(low)) > 100  # 16 bits that were computed, not 8 bits stretched
    eight = advloss.load(translator).translate(torch.from_numpy(rgb.transpose(2, 0, 1))[None] / 127.5 - 1)
    np.testing.assert_allclose(made["deep.png"].pixels, (eight[0].permute(1, 2, 0) + 1) / 2 * 65535, atol=1.5)


def test_a_folder_keeps_its_tree_and_what_is_there_already(translator: Path):
    fill(Path("in"), ["a.png"])
    fill(Path("in/deep/er"), ["b.png", "c.jpg"], first=1)
    Path("in/notes.txt").write_text("no picture")
    fill(Path("out"), ["a.png"], first=9)
    before = Path("out/a.png").read_bytes()
    said = done("translate", translator, "in", "out").stderr
    assert "2 pictures written, 1 were there already (--overwrite replaces them)" in said
    files = [path.relative_to("out") for path in sorted(Path("out").rglob("*")) if path.is_file()]
    assert files == [Path("a.png"), Path("deep/er/b.png"), Path("deep/er/c.jpg")]
    assert Path("out/a.png").read_bytes() == before
    assert "out/a.png exists; --overwrite replaces it" in refused("translate", translator, "in/a.png", "out/a.png")
    assert "3 pictures written" in done("translate", translator, "in", "out", "--overwrite").stderr
    assert Path("out/a.png").read_bytes() != before


def test_results_within_the_folder_are_not_translated_again(translator: Path):
    fill(Path("in"), ["a.png", "b.png"])
    done("translate", translator, "in", "in/out")
    assert "0 pictures written, 2 were there already" in done("translate", translator, "in", "in/out").stderr
    assert sorted(path.name for path in Path("in/out").iterdir()) == ["a.png", "b.png"]


def test_a_corrupt_file_is_named_and_the_rest_is_done(translator: Path):
    fill(Path("in"), ["a.png", "b.jpg", "c.png"])
    data = Path("in/b.jpg").read_bytes()
    Path("in/b.jpg").write_bytes(data[: len(data) // 2])
    result = invoke("translate", translator, "in", "out")
    assert result.exit_code == 2
    assert "2 pictures written, 1 could not be translated" in result.stderr
    assert "advloss: these could not be translated:\nin/b.jpg: damaged: Truncated File Read" in result.stderr
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "c.png"]


def test_both_directions(translator: Path):
    fill(Path("in"), ["a.png"])
    for name, words in (("default", []), ("forth", ["--direction", "a2b"]), ("back", ["--direction", "b2a"])):
        done("translate", translator, "in/a.png", f"{name}.png", *words)
    default, forth, back = (Path(f"{name}.png").read_bytes() for name in ("default", "forth", "back"))
    assert default == forth != back


def test_dropout_at_inference_gives_the_same_picture_every_time():
    pairs(Path("pairs"))
    done("train", "recipe=pix2pix-small", "pairs", *TINY_PAIRS, "--run", "run", "--iterations", "2")
    for name in ("one.png", "two.png"):
        done("translate", MODEL, "pairs/left/000.png", name)
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()
    model = advloss.load(MODEL)
    dropouts = [module for module in model.method.modules() if type(module).__name__ == "Dropout"]
    assert dropouts and all(module.at_inference and module.p == 0.5 for module in dropouts)
    for module in dropouts:
        module.at_inference = False
    image = torch.rand(1, 3, 40, 44) * 2 - 1
    without = model.translate(image)
    for module in dropouts:
        module.at_inference = True
    assert not torch.equal(model.translate(image), without)


def test_the_command_keeps_freed_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    commands = sys.modules["advloss.cli.main"]
    monkeypatch.setattr(commands, "keep_freed_memory", lambda: order.append("kept"))
    monkeypatch.setattr(commands, "app", lambda: order.append("run"))
    main()
    assert order == ["kept", "run"]
