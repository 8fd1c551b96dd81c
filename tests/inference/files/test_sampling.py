"""`advloss sample`: files, grids and walks are the images of `Model.sample`, and any count takes the same memory."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

import advloss
from advloss.images.reading import read_picture
from advloss.inference.files import sampling
from advloss.inference.generating import GROUP, Sampler
from advloss.inference.model import Model
from advloss.recipe import components
from advloss.recipe.model_file import save_model
from tests.inference import own
from tests.training.started import done, invoke, refused

CLASSES = {"classes": {"label": ["cat", "dog"]}}


class Bounded(own.Painter):
    """Noise [N, 6] to images [N, 3, 4, 2] within [-1, 1], and black for class 1."""

    def forward(self, noise: torch.Tensor, label: torch.Tensor | None = None) -> torch.Tensor:
        images = super().forward(noise).tanh().repeat(1, 1, 4, 1)
        return images if label is None else torch.where(label.view(-1, 1, 1, 1) == 1, -1.0, images)


class Plain(own.OwnGenerator):
    network = Bounded


class OfClasses(own.OwnClassGenerator):
    network = Bounded


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Writes own.safetensors of a method, which is known as `own`."""
    monkeypatch.chdir(tmp_path)

    def write(method: type[own.Own] = Plain, **data: object) -> str:
        monkeypatch.setitem(components.METHODS, "own", method)
        save_model(Path("own.safetensors"), own.recipe_of("own", **data), method().state_dict(), {})
        return "own.safetensors"

    return write


def levels(image: torch.Tensor) -> np.ndarray:
    return ((image + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()


def test_files_are_the_model_s_samples_and_fewer_are_the_first_of_more(saved: Callable[..., str]) -> None:
    file = saved()
    said = done("sample", file, "many", "--count", "20", "--seed", "3", "--truncate", "0.8").stderr
    assert "20 pictures written" in said
    done("sample", file, "few", "--count", "5", "--seed", "3", "--truncate", "0.8")
    assert sorted(path.name for path in Path("few").iterdir()) == [f"{number:06}.png" for number in range(5)]
    made = advloss.load(file).sample(20, seed=3, truncate=0.8)
    for number in range(20):
        name = f"{number:06}.png"
        np.testing.assert_array_equal(read_picture(Path("many") / name).pixels, levels(made[number]))
        assert number >= 5 or (Path("few") / name).read_bytes() == (Path("many") / name).read_bytes()


def test_what_is_there_stays_unless_it_is_to_be_replaced(saved: Callable[..., str]) -> None:
    file = saved()
    done("sample", file, "out", "--count", "3")
    before = Path("out/000001.png").read_bytes()
    said = done("sample", file, "out", "--count", "4", "--seed", "1").stderr
    assert "1 picture written, 3 were there already (--overwrite replaces them)" in said
    assert Path("out/000001.png").read_bytes() == before
    done("sample", file, "out", "--count", "4", "--seed", "1", "--overwrite")
    assert Path("out/000001.png").read_bytes() != before
    Path("000000.png").symlink_to("out/000000.png")
    said = invoke("sample", file, ".", "--count", "2", "--overwrite")
    assert said.exit_code == 2 and "000000.png: is a link" in said.stderr and Path("000001.png").is_file()


def test_a_grid_has_the_images_row_by_row(saved: Callable[..., str]) -> None:
    file = saved()
    assert done("sample", file, "grid.png", "--grid", "--count", "7").stdout == "grid.png\n"
    grid, made = read_picture("grid.png").pixels, advloss.load(file).sample(7)
    assert grid.shape == (3 * 6 - 2, 3 * 4 - 2, 3)
    for number in range(7):
        top, left = number // 3 * 6, number % 3 * 4
        np.testing.assert_array_equal(grid[top : top + 4, left : left + 2], levels(made[number]))
    assert (grid[4:6] == 255).all() and (grid[12:, 4:] == 255).all()  # gaps, and places without an image
    assert "grid.png exists; --overwrite replaces it" in refused("sample", file, "grid.png", "--grid")
    done("sample", file, "grid.png", "--grid", "--count", "1", "--overwrite")
    assert read_picture("grid.png").pixels.shape == (4, 2, 3)


def test_a_strip_and_an_animation_of_a_walk(saved: Callable[..., str]) -> None:
    file = saved()
    done("sample", file, "walk.png", "--interpolate", "5", "--count", "3")
    strip, made = read_picture("walk.png").pixels, advloss.load(file).sample(3)
    assert strip.shape == (2 * 6 - 2, 5 * 4 - 2, 3)
    for top, left, number in ((0, 0, 0), (0, 16, 1), (6, 0, 1), (6, 16, 2)):
        np.testing.assert_array_equal(strip[top : top + 4, left : left + 2], levels(made[number]))
    done("sample", file, "walk.webp", "--interpolate", "4")
    with Image.open("walk.webp") as animation:
        frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(animation)]
        assert animation.info["loop"] == 0
    assert len(frames) == 8  # there in 4, and back in 4
    np.testing.assert_array_equal(frames[0], levels(made[0]))
    np.testing.assert_array_equal(frames[4], levels(made[1]))
    np.testing.assert_array_equal(frames[3], frames[5])
    assert "walk.webp exists" in refused("sample", file, "walk.webp", "--interpolate", "4")


def test_labels(saved: Callable[..., str]) -> None:
    file = saved(OfClasses, **CLASSES)
    done("sample", file, "dogs", "--count", "2", "--label", "dog")
    done("sample", file, "all", "--count", "2")
    assert (read_picture("dogs/000000.png").pixels == 0).all() and read_picture("all/000000.png").pixels.any()
    assert (read_picture("all/000001.png").pixels == 0).all()
    assert "did you mean 'dog'? (known: cat, dog); or its number, 0 to 1" in refused(
        "sample", file, "x", "--label", "dgo"
    )
    assert "a walk is within one class" in refused("sample", file, "x.png", "--interpolate", "3")
    done("sample", file, "x.png", "--interpolate", "3", "--label", "0")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x", "--label", "0"], "this model takes no label: it was trained without classes"),
        (["x", "--truncate", "0"], "truncate: 0; it is a number from 0.01 on"),
        (["x.png"], "x.png: is a file's name, and images go into a folder; --grid makes one picture"),
        (["own.safetensors"], "own.safetensors: is a file's name"),
        (["x", "--grid"], "x: can't write ''; use one of .png"),
        (["own.safetensors", "--grid"], "can't write '.safetensors'"),
        (["x.png", "--grid", "--interpolate", "3"], "--grid and --interpolate: say one of them"),
        (["x.png", "--interpolate", "3", "--count", "1"], "from one image to another in at least 2 steps, not 1 in 3"),
        (["x.png", "--grid", "--format", "jpg"], "x.png: --format jpg asks for another format than the file's name"),
        (["x", "--format", "gif"], "--format gif: is not a format that can be written"),
        (["x.webp", "--interpolate", "30000000"], "x.webp: 60000000 images of 2x4 pixels are too many"),
        (["x.webp", "--grid", "--count", "100000000"], "a WEBP has at most 16383 a side; use PNG or TIFF"),
    ],
)
def test_what_is_refused_leaves_nothing(saved: Callable[..., str], words: list[str], message: str) -> None:
    file = saved()
    assert message in refused("sample", file, *words)
    assert [path.name for path in Path().iterdir()] == ["own.safetensors"]


def test_counts_of_none_and_other_models(saved: Callable[..., str]) -> None:
    assert invoke("sample", saved(), "x", "--count", "0").exit_code == 2
    assert "makes images of noise, it does not translate: use `advloss sample MODEL OUTPUT`" in refused(
        "translate", "own.safetensors", "a.png", "b.png"
    )
    said = refused("sample", saved(own.OwnTranslator), "x")
    assert "is a own model, it translates: use `advloss translate" in said and not Path("x").exists()
    assert "a folder, and a model file belongs in its place; the order is `advloss sample" in refused(
        "sample", ".", "x"
    )


def test_a_million_images_take_no_more_memory_than_sixteen(
    saved: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of a grid of 1,000,000 are computed as they are taken; the files' groups one at a time."""
    file, groups = saved(), list[int]()
    real = Sampler.group

    def group(self: Sampler, start: int) -> torch.Tensor:
        groups.append(start)
        if start >= 3 * GROUP:
            raise KeyboardInterrupt
        return real(self, start)

    monkeypatch.setattr(Sampler, "group", group)
    result = invoke("sample", file, "many", "--count", "1000000")
    assert (
        result.exit_code == 130 and "48 pictures written" in result.stderr and len(list(Path("many").iterdir())) == 48
    )
    assert groups == [0, 16, 32, 48]
    taken = 0

    def counting(self: Sampler, count: int) -> Iterator[torch.Tensor]:
        nonlocal taken
        for _ in range(count):
            taken += 1
            yield torch.zeros(3, 4, 2)

    monkeypatch.setattr(Sampler, "images", counting)
    seen: list[int] = []
    monkeypatch.setattr(
        sampling,
        "write_rows",
        lambda target, picture: seen.extend((len(next(iter(picture.rows))), taken, picture.width)),
    )
    sampling.sample_grid(advloss.load(file), Path("grid.png"), 1_000_000, sampling.Sampling(), sampling.Writing())
    assert seen == [4, 1000, 4 * 1000 - 2]  # the first line is made of 1,000 images


def test_floats_are_npy_and_many_channels_too(saved: Callable[..., str]) -> None:
    file = saved(depth={"b": "float"}, range={"b": (0.0, 2.0)})
    done("sample", file, "out", "--count", "1")
    made = advloss.load(file).sample(1)[0]
    np.testing.assert_allclose(np.load("out/000000.npy"), (made + 1).permute(1, 2, 0).numpy(), atol=1e-6)
    assert "PNG files hold no floats" in refused("sample", file, "x.png", "--grid")
    assert isinstance(advloss.load(file), Model)
