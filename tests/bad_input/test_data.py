"""Training pictures that are missing, too small, of all kinds, or damaged."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from advloss.data.sampling.sampler import Sampler
from tests.bad_input.helpers import RUN, SMALL, halved
from tests.data.pictures import fill, picture
from tests.training.started import TINY_PAIRS, done, log, refused, two_sides


def test_an_empty_folder_and_one_image():
    Path("empty").mkdir()
    assert "empty holds no pictures that can be used; understood are:" in refused(*SMALL, "empty")
    for side in ("trainA", "trainB"):
        Path("hollow", side).mkdir(parents=True)
    assert "hollow/trainA holds no pictures (.png," in refused(*SMALL, "hollow")
    two_sides(Path("one"), 1)
    assert "one/trainA holds 1 image; at least 2 are needed" in refused(*SMALL, "one")
    fill(Path("pair"), 1)
    assert "pair holds 1 image; at least 2 are needed" in refused("train", "recipe=pix2pix-small", "pair")
    assert "pair is one folder of pictures" in refused(*SMALL, "pair")
    assert not Path("runs").exists()


def test_images_smaller_than_the_crop_are_found_before_the_first_iteration():
    fill(Path("photos/testA"), 1, height=20, width=50)  # it would stop the run at its end
    fill(Path("photos/testB"), 1)
    for words in (["data.crop=48"], []):
        said = refused(*SMALL, "photos", "data.resize=none", *words)
        assert "pixels after the resize, smaller than the crop of" in said and "lower data.crop" in said
        assert ("trainA/000.png: 44x40" if words else "testA/000.png: 50x20") in said
    assert not Path("runs").exists()


def test_images_of_all_kinds_mixed():
    for side in ("trainA", "trainB"):
        folder, rgb = Path("mixed", side), picture(3, 40, 44)
        folder.mkdir(parents=True)
        image = Image.fromarray(rgb)
        cv2.imwrite(str(folder / "deep.png"), rgb.astype(np.uint16) * 257)
        Image.fromarray(rgb[..., 0].astype(np.uint16) * 257).save(folder / "deep-grey.png")
        for mode in ("P", "L", "LA", "RGBA", "1"):
            image.convert(mode).save(folder / f"{mode}.png")
        image.convert("CMYK").save(folder / "CMYK.jpg")
        image.save(folder / "plain.webp")
    said = done(*SMALL, "mixed", "--run", "run", "--iterations", "9", "data.resize=shorter").stderr
    assert "no problems found" in said and "skipped" not in said
    assert len(log(Path(), "run")) == 9


def sixty(folder: Path, batch: int, damaged_in: list[int]) -> list[Path]:
    """60 JPEGs a side; those of side a that a run's batches of these numbers need are damaged, and named."""
    for side in ("trainA", "trainB"):
        fill(folder / side, [f"{n:02d}.jpg" for n in range(60)])
    sampler = Sampler((60, 60), False, batch, 0)
    bad = [folder / "trainA" / f"{sampler.items(number)[0].indices[0]:02d}.jpg" for number in damaged_in]
    for path in bad:
        halved(path)
    return bad


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_corrupt_jpeg_in_the_middle_of_an_epoch_is_named_skipped_and_counted(workers: int):
    (bad,) = sixty(Path("many"), 6, [4])
    words = ["data.batch=6", "data.memory=off", f"data.workers={workers}", "--run", "run", "--iterations", "20"]
    said = done(*SMALL, "many", *words).stderr
    assert said.count(f"skipped {bad}: ") == 1  # though the second epoch meets it again
    assert "skipped 1 picture that can't be read; it is named above" in said
    assert [line["iteration"] for line in log(Path(), "run")] == list(range(1, 21))


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_more_than_one_percent_of_corrupt_jpegs_stops_the_training(workers: int):
    bad = sixty(Path("many"), 6, [3, 5])
    words = ["data.batch=6", "data.memory=off", f"data.workers={workers}", "--run", "run", "--iterations", "20"]
    said = refused(*SMALL, "many", *words)
    assert "2 of 120 pictures can't be read, more than 1%; repair or remove them (`advloss data check`" in said
    assert all(str(path) in said for path in bad)
    assert torch.load(RUN / "checkpoint.pt", weights_only=True)["iteration"] == 5  # all that is trained
    assert len(log(Path(), "run")) == 5
    for path in bad:
        fill(path.parent, [path.name])
    assert "from iteration 6" in done("train", "--run", "run", "--resume").stderr


def test_too_many_corrupt_jpegs_in_memory_leave_no_run_behind():
    sixty(Path("many"), 6, [3, 5])
    assert "2 of 120 pictures can't be read" in refused(*SMALL, "many", "--run", "run")
    assert "2 of 120 pictures can't be read" in refused(*SMALL, "many", "--dry-run")
    assert not Path("runs").exists()


def test_validation_images_of_which_none_can_be_read():
    for side in ("valA", "valB"):
        fill(Path("photos", side), ["a.jpg"])
        halved(Path("photos", side, "a.jpg"))
    assert "val: not one of its 1 pictures can be validated on: photos/valA/a.jpg: " in refused(*SMALL, "photos")
    assert not Path("runs").exists()


def test_small_pictures_are_counted_and_named_at_once():
    fill(Path("photos/trainA"), [f"s{n}.png" for n in range(8)], height=20, width=50)
    said = refused(*SMALL, "photos", "data.resize=none")
    assert "photos/trainA/s0.png: 50x20 pixels after the resize, smaller than the crop of 32x32" in said
    assert "(8 in all: photos/trainA/s0.png, " in said and ", and 3 more)" in said
    assert not Path("runs").exists()


def test_pairs_of_other_sizes_are_counted_and_named_at_once():
    for side, width in (("left", 40), ("right", 44)):
        fill(Path("pairs", side), 8, width=width)
    said = refused("train", "recipe=pix2pix-small", *TINY_PAIRS, "data.resize=none", "data.crop=16", "pairs")
    assert "are a pair, but 40x24 and 44x24 pixels" in said and "(8 in all: " in said
