"""Training on images of every form: the forms are written into recipe and model file, and survive a resumption."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors import safe_open

from advloss.images import FORMATS
from advloss.images.picture import Depth, Picture
from advloss.images.writing import write_picture
from tests.data.pictures import fill
from tests.images.test_formats import CHANNELS, DEPTHS, array
from tests.training.started import TINY, done, log, refused

SMALL = ["networks.generator.width=2", "networks.generator.levels=3", "losses.adversarial.discriminator.width=4",
         "losses.adversarial.discriminator.layers=1", "losses.adversarial.discriminator.norm=instance", "data.load=32",
         "data.crop=32", "train.log_every=1", "metrics.psnr=null", "metrics.ssim=null",
         "data.resize=shorter"]  # fmt: skip
PIX2PIX = ["train", "recipe=pix2pix-small", *SMALL, "--device", "cpu", "--iterations", "2", "--run", "run"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(folder: str, channels: int, depth: Depth, extension: str, count: int = 3) -> None:
    Path(folder).mkdir(parents=True)
    for number in range(count):
        pixels = np.roll(array(channels, depth, 36, 33), number)
        write_picture(Path(folder) / f"{number}{extension}", Picture(pixels))


def said_in(path: str) -> dict:
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["advloss"])["recipe"]["data"]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("channels", CHANNELS)
def test_every_form_trains(channels: int, depth: Depth) -> None:
    png = channels in FORMATS[".png"].channels and depth in FORMATS[".png"].depths
    write("a", channels, depth, ".png" if png else ".tif")
    write("b", channels, depth, ".npy")
    asked = [f"data.channels={channels}"] if png else []  # alpha would be laid over white
    done(*PIX2PIX, "data.a=a", "data.b=b", *asked, "samples=[a,fake_b,b]")
    data = said_in("runs/run/model.safetensors")
    assert data["channels"] == {"a": channels, "b": channels} and data["depth"] == {"a": depth, "b": depth}
    assert data == yaml.safe_load(Path("runs/run/recipe.yaml").read_text())["data"]
    assert [np.isfinite(entry["losses"]["l1"]) for entry in log(Path(), "run") if "losses" in entry] == [True, True]
    assert list(Path("runs/run/samples").iterdir())


def test_grey_to_colour_resumes_without_a_difference() -> None:
    write("a", 1, 16, ".tif")
    fill(Path("b"), ["0.png", "1.png", "2.png"], height=36, width=33)
    words = [word for word in PIX2PIX if word not in ("--iterations", "2", "--run", "run")] + ["data.a=a", "data.b=b"]
    done(*words, "--iterations", "5", "--run", "whole")
    done(*words, "--iterations", "3", "--run", "cut")
    done(*words, "--iterations", "5", "--run", "cut", "--resume")
    done("train", "--run", "cut", "--resume", "--iterations", "5")
    whole, cut = (Path("runs", name, "model.safetensors").read_bytes() for name in ("whole", "cut"))
    assert whole == cut
    assert said_in("runs/cut/model.safetensors")["channels"] == {"a": 1, "b": 3}
    says = refused(*words, "--iterations", "5", "--run", "cut", "--resume", "data.channels=3")
    assert "data.channels.a: 1 then, 3 now" in says


def test_a_run_from_before_reads_its_files_as_it_did() -> None:
    """Its recipe says no formats: grey files are 3 channels there, as its networks expect."""
    for side in "ab":
        write(side, 1, 8, ".png")
    words = [*PIX2PIX, "data.a=a", "data.b=b"]
    done(*words, "data.channels=3")
    path = Path("runs/run/recipe.yaml")
    recipe = yaml.safe_load(path.read_text())
    for option in ("channels", "depth", "range", "classes", "sizes"):
        del recipe["data"][option]
    path.write_text(yaml.safe_dump(recipe))
    done("train", "--run", "run", "--resume", "--iterations", "4")
    assert said_in("runs/run/model.safetensors")["channels"] == {"a": 3, "b": 3}


def test_an_identity_term_needs_domains_of_the_same_channels() -> None:
    write("a", 1, 8, ".png")
    fill(Path("b"), 3, height=36, width=33)
    words = ["train", "recipe=cyclegan-small", "data.a=a", "data.b=b", *TINY, "--device", "cpu", "--iterations", "2"]
    says = refused(*words, "--run", "one")
    assert "same_a is an image through the translator of the other domain, and a has 1 channels, b 3" in says
    done(*words, "losses.identity_a=null", "losses.identity_b=null", "metrics.cycle_psnr=null", "metrics.psnr=null",
         "metrics.untouched=null", "samples=[a, fake_b, cycle_a]",
         "--run", "two")  # fmt: skip
    done(*words, "data.channels=1", "--run", "three")


def test_super_resolution_of_16_bit_grey() -> None:
    write("large", 1, 16, ".tif", 4)
    words = ["train", "recipe=srresnet-small", "large", "networks.generator.width=4", "networks.generator.blocks=1",
             "data.crop=32", "--device", "cpu", "--iterations", "2", "--run"]  # fmt: skip
    done(*words, "run")
    assert said_in("runs/run/model.safetensors")["channels"] == {"a": 1, "b": 1}
    says = refused(*words, "other", "data.degradation=second_order")
    assert "data.degradation: 'second_order' takes 8-bit RGB, and 'b' has 1 channels of depth 16; use bicubic" in says


def test_a_crop_that_grows_is_resumed_exactly() -> None:
    fill(Path("a"), 4, height=40, width=44)
    fill(Path("b"), 4, 4, 40, 44)
    words = ["train", "recipe=cyclegan-small", "data.a=a", "data.b=b", *TINY, "--device", "cpu",
             "data.crop={0: 16, 3: 24, 5: 32}", "train.checkpoint_every=1",
             *(f"losses.adversarial_{side}.pool=0" for side in "ab")]  # fmt: skip
    done(*words, "--iterations", "7", "--run", "whole")
    done(*words, "--iterations", "4", "--run", "cut")
    done("train", "--run", "cut", "--resume", "--iterations", "7")
    whole, cut = (Path("runs", name, "model.safetensors").read_bytes() for name in ("whole", "cut"))
    assert whole == cut


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("data.c=x", r"data.c: unknown key 'c'"),
        ("data.chanels=3", "did you mean 'channels'?"),
        ("data.channels=0", "'0' is no number of channels; it is 1 to 16"),
        ("data.channels={x: 3}", "data.channels.x: unknown field 'x' (known: a, b)"),
        ("data.depth=12", "'12' is no depth; it is 8, 16 or float"),
        ("data.range=[1, 0]", "[1, 0] is no range; the first number is less than the second"),
        ("data.range=3", "is no range; it is two numbers, such as [0, 1]"),
        ("data.a={x: y}", "data.a: is a folder, a list of folders or a file"),
        ("data.crop={0: 64, 5: 0}", "a crop of 0 pixels; it is at least 1"),
        ("data.crop={0: 64, 5: 999}", "crop (999) is larger than load"),
        ("data.crop={0: 4, 5: 64}", "networks: a batch of a [1, 3, 4, 4], b [1, 3, 4, 4] (data.crop) does not pass"),
    ],
)
def test_wrong_keys_and_values(word: str, says: str) -> None:
    assert says in refused("train", "recipe=cyclegan-small", "stripes", word, "--iterations", "1")
