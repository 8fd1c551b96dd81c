"""Results that can not be written where, or as, they are asked for."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.bad_input.helpers import RUN, files, trained
from tests.data.pictures import fill
from tests.inference.networks import nearest_model, tokenizer_model
from tests.training.started import done, invoke, refused


def test_inputs_and_outputs_of_translate():
    trained()
    model = RUN / "model.safetensors"
    Path("empty").mkdir()
    Path("file.png").write_bytes(b"")
    photo = Path("photos/trainA/000.png")
    for words, fragment in (
        (["nowhere", "out"], "nowhere: no such file or folder"),
        (["empty", "out"], "empty: holds no picture"),
        (["photos", "file.png"], "file.png: is a file, and photos is a folder; name a folder"),
        ([photo, "out.gif"], "out.gif: not a format that can be written (.png,"),
    ):
        assert fragment in refused("translate", model, *words)
    assert not Path("out").exists()


def test_outputs_that_can_not_be(command: list):
    fill(Path("in"), ["a.png", "b.jpg"])
    Path("file.png").write_bytes(b"mine")
    Path("out/a.png").mkdir(parents=True)
    for words, fragment in (
        (["in/a.png", "file.png"], "file.png exists; --overwrite replaces it"),
        (["in", "file.png"], "file.png: is a file, and in is a folder; name a folder"),
        (["in", "file.png/out"], "file.png: is a file, and results are to go into a folder of that name"),
        (["in/a.png", "file.png/a.png"], "file.png: is a file, and results are to go into a folder of that name"),
        (["in/a.png", "in/a.png", "--overwrite"], "in/a.png: is itself an input of this command; name another"),
        (["in/a.png", "in", "--overwrite"], "in/a.png: is itself an input of this command; name another"),
        (["in", "in", "--overwrite"], "in: is the input itself; name another folder"),
        (["in", "./in/", "--overwrite"], "in: is the input itself; name another folder"),
        (["in/a.png", "a.gif"], "a.gif: not a format that can be written (.png,"),
        (["nowhere", "out"], "nowhere: no such file or folder"),
        (["in", "out", "--overwrite"], "out/a.png: is a folder; name a file in it"),
    ):
        assert fragment in refused(*command, *words)
    assert Path("file.png").read_bytes() == b"mine" and files("in") == ["a.png", "b.jpg"]
    assert files("out") == ["b.jpg"]


def test_two_pictures_that_would_become_one_file():
    fill(Path("in"), ["a.png", "a.jpg", "b.png"])
    words = ["upscale", "--model", nearest_model(Path("m.safetensors"))]
    said = refused(*words, "in", "out", "--format", "webp")
    assert "in/a.jpg, in/a.png: each would become out/a.webp; rename all but one" in said
    assert files("out") == ["b.webp"]
    said = refused(*words, "in/b.png", "b.png", "--format", "webp")
    assert "b.png: --format webp asks for another format than the file's name" in said


def test_results_that_are_too_large():
    model = nearest_model(Path("m.safetensors"), 4)
    Path("in").mkdir()
    Image.new("L", (16376, 1)).save("in/a.jpg")
    Image.new("L", (4096, 1)).save("in/b.webp")
    fill(Path("in"), ["z.png"])
    said = refused("upscale", "in", "out", "--model", model)
    assert "out/a.jpg: 65504x4 pixels, and a JPEG has at most 65500 a side; use PNG or TIFF" in said
    assert "out/b.webp: 16384x4 pixels, and a WEBP has at most 16383 a side" in said
    assert files("out") == ["z.png"]


def test_options_that_can_not_be(command: list):
    fill(Path("in"), ["a.png"])
    assert "--overlap x: is a number of pixels, or exact" in refused(*command, "in", "out", "--overlap", "x")
    for words in (["--tile", "-1"], ["--tile", "x"], ["--precision", "fp8"], ["--format", "gif"]):
        result = invoke(*command, "in", "out", *words)
        assert result.exit_code == 2 and words[0] in result.stderr
    assert not Path("out").exists()


def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(command: list, monkeypatch: pytest.MonkeyPatch):
    fill(Path("in"), ["a.png", "b.png", "c.png"])
    real, calls = os.fsync, []

    def interrupted(file: int) -> None:
        calls.append(file)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(file)

    with monkeypatch.context() as context:
        context.setattr(os, "fsync", interrupted)
        said = refused(*command, "in", "out", code=130)
    assert "interrupted: 1 picture written; the same command goes on from there" in said
    assert files("out") == ["a.png"]
    assert "2 pictures written, 1 were there already" in done(*command, "in", "out").stderr


def places() -> dict[str, Callable[[Path], object]]:
    """What lies where a result is to go, and a part of the sentence that refuses to replace it."""
    return {
        "is a pipe": os.mkfifo,
        "is a device": lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3)),
        "is a folder": lambda path: path.mkdir(),
        "is a link to": lambda path: path.symlink_to(Path("in/a.png").absolute()),
        "is itself an input": lambda path: os.link("in/a.png", path),
    }


def writers(place: Path) -> list[list[str | Path]]:
    """Each command that writes a file which the user names, so that it would replace `place`."""
    png, tokens, report = (place.with_name(f"{place.name}{suffix}") for suffix in (".png", ".safetensors", ".json"))
    model = ["--model", "t.safetensors"]
    return [
        ["upscale", "in/a.png", png, "--model", "m.safetensors", "--overwrite"],
        ["translate", "tr.safetensors", "in/a.png", png, "--tile", "0", "--overwrite"],
        ["reconstruct", "in/a.png", png, *model, "--overwrite"],
        ["tokenize", "in", tokens, *model, "--overwrite"],
        ["tokenize", "in", tokens, *model, "--overwrite", "--shard", "1"],
        ["evaluate", "in", "--results", "in", "--out", report],
    ]


@pytest.mark.parametrize("sentence", places())
def test_no_command_replaces_what_is_no_result(sentence: str, translator: Path):
    fill(Path("in"), ["a.png", "b.png"])
    nearest_model(Path("m.safetensors"))
    tokenizer_model(Path("t.safetensors"))
    shutil.copy(translator, "tr.safetensors")
    for number, words in enumerate(writers(Path("place"))):
        target = next(word for word in words if isinstance(word, Path))
        if target.suffix == ".png" and sentence == "is a folder":  # the result goes into it
            continue
        shard = "--shard" in words
        place = target.with_name(f"place-00000{target.suffix}") if shard else target
        try:
            places()[sentence](place)
        except PermissionError:
            pytest.skip("only root makes devices")
        before, content = place.lstat(), Path("in/a.png").read_bytes()
        assert f"{place}: {sentence}" in refused(*words), number
        assert os.path.samestat(before, place.lstat()) and Path("in/a.png").read_bytes() == content
        place.rmdir() if place.is_dir() else place.unlink()
        assert sorted(path.name for path in Path().iterdir() if path.name.startswith((".", "place"))) == []


def test_no_command_replaces_the_model_that_it_uses(translator: Path):
    fill(Path("in"), ["a.png"])
    for name, words in (
        ("a.safetensors", ["tokenize", "in", "a.safetensors", "--model", "a.safetensors", "--overwrite"]),
        ("a-00000.safetensors", ["tokenize", "in", "a.safetensors", "--shard", "1", "--overwrite", "--model"]),
        ("m.json", ["evaluate", "in", "--out", "m.json", "--model"]),
    ):
        model = tokenizer_model(Path(name).with_suffix(".safetensors")).rename(name)
        before = model.read_bytes()
        words = words if words[-1] == "--overwrite" else [*words, model]
        assert f"{name}: is itself an input of this command" in refused(*words)
        assert model.read_bytes() == before


def test_a_report_replaces_a_report_alone():
    fill(Path("in"), ["a.png"])
    Path("thesis.txt").write_text("Chapter 1")
    said = refused("evaluate", "in", "--results", "in", "--out", "thesis.txt")
    assert "--out thesis.txt: is there, and no report of figures (JSON); name another file" in said
    assert Path("thesis.txt").read_text() == "Chapter 1"
    for _ in range(2):
        done("evaluate", "in", "--results", "in", "--out", "figures.json")


def test_results_in_a_folder_that_can_not_be_replaced_are_named_and_the_others_written(command: list):
    fill(Path("in"), ["a.png", "b.png", "c.png", "d.png"])
    Path("out").mkdir()
    os.mkfifo("out/a.png")
    Path("out/b.png").symlink_to(Path("in/b.png").absolute())
    os.link("in/c.png", "out/c.png")
    before = {path.name: path.read_bytes() for path in Path("in").iterdir()}
    said = refused(*command, "in", "out", "--overwrite")
    for fragment in ("out/a.png: is a pipe", "out/b.png: is a link to", "out/c.png: is itself an input"):
        assert fragment in said
    assert {path.name: path.read_bytes() for path in Path("in").iterdir()} == before
    assert Path("out/d.png").is_file() and not list(Path("out").glob(".*"))
