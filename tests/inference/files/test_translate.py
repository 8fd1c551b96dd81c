"""`advloss translate` names and writes its results as `advloss upscale` does: by the same code."""

from pathlib import Path

import pytest
from PIL import Image

from tests.data.pictures import fill
from tests.inference.networks import black_model
from tests.training.started import done, refused


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fill(Path("in/below"), ["a.png", "b.bmp"], 0, 16, 24)
    Image.open("in/below/a.png").save("in/c.gif")
    black_model(Path("m.safetensors"))


def names(folder: str) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()}


def test_the_extension_of_a_file_or_the_format_of_all():
    done("translate", "m.safetensors", "in/below/a.png", "x.webp")
    with Image.open("x.webp") as image:
        assert image.format == "WEBP" and image.size == (24, 16)
    said = done("translate", "m.safetensors", "in", "own").stderr
    assert names("own") == {"below/a.png", "below/b.bmp", "c.png"} and "GIF files are read and not written" in said
    done("translate", "m.safetensors", "in", "jpg", "--format", "jpg")
    assert names("jpg") == {"below/a.jpg", "below/b.jpg", "c.jpg"}
    assert "3 were there already" in done("translate", "m.safetensors", "in", "jpg", "--format", "jpg").stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["in", "out", "--format", "heic"], "--format heic: is not a format that can be written; use one of png"),
        (["in/c.gif", "x.jpg", "--format", "png"], "x.jpg: --format png asks for another format than the file's name"),
        (["in/c.gif", "x.gif"], "x.gif: not a format that can be written"),
    ],
)
def test_formats_that_can_not_be_had(words: list[str], message: str):
    assert message in refused("translate", "m.safetensors", *words)
    assert not Path("out").exists() and not Path(words[1]).exists()
