"""Names that are hard to print, to write or to find, in every command."""

import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from advloss.cli.app import app
from tests.bad_input.helpers import SMALL, files
from tests.data.pictures import fill
from tests.inference.networks import nearest_model, tokenizer_model
from tests.training.started import done, invoke, refused

BYTES = os.fsdecode(b"caf\xe9")
ESCAPES = "a\x1b[31mred\x07"
LONG = "x" * 300


@pytest.fixture(autouse=True)
def inputs(workplace: None, translator: Path) -> None:
    fill(Path("in"), ["a.png"])
    nearest_model(Path("m.safetensors"))
    tokenizer_model(Path("t.safetensors"))
    shutil.copy(translator, "tr.safetensors")


def commands(name: str) -> list[list[str]]:
    """Every command, with the name in the place of each word that names a file or a folder."""
    return [
        *(["upscale", one, two, "--model", three] for one, two, three in spread(name, "in", "out", "m.safetensors")),
        ["upscale", "in/a.png", f"{name}.png", "--model", "m.safetensors"],
        *(["translate", one, two, three] for one, two, three in spread(name, "tr.safetensors", "in", "out")),
        *(
            ["reconstruct", one, two, "--model", three]
            for one, two, three in spread(name, "in", "out", "t.safetensors")
        ),
        *(["detokenize", one, two, "--model", three] for one, two, three in spread(name, "k", "out", "t.safetensors")),
        ["tokenize", name, "k.safetensors", "--model", "t.safetensors"],
        ["tokenize", "in", f"{name}.safetensors", "--model", "t.safetensors"],
        ["tokenize", "in", f"{name}.safetensors", "--model", "t.safetensors", "--shard", "1"],
        *(
            ["evaluate", one, "--results", two, "--out", three]
            for one, two, three in spread(name, "in", "in", "o.json")
        ),
        ["evaluate", "in", "--bicubic", "2", "--inputs", name],
        ["evaluate", "in", "--model", name],
        ["data", "check", name],
        ["show", f"recipe={name}"],
        ["show", f"recipe={name}.yaml"],
        *(["import", "cyclegan", one, f"{two}.safetensors"] for one, two in spread(name, "t.safetensors", "i")),
        *(["export", one, two] for one, two in spread(name, "t.safetensors", "e")),
        *(["train", *SMALL[1:], one, "--run", two, "--dry-run"] for one, two in spread(name, "photos", "run")),
        ["train", *SMALL[1:], "photos", "--resume", "--run", name],
        ["train", *SMALL[1:], "data.a=photos/trainA", f"data.b={name}", "--dry-run"],
        ["train", *SMALL[1:], "photos", f"data.val={name}", "--dry-run"],
        ["train", *SMALL[1:], "photos", f"initial={name}", "--dry-run"],
    ]


def spread(name: str, *words: str) -> list[list[str]]:
    """The words, with the name in the place of one after the other."""
    return [[*words[:place], name, *words[place + 1 :]] for place in range(len(words))]


@pytest.mark.parametrize("name", [BYTES, ESCAPES, LONG, "d/" * 2200 + "d"], ids=["bytes", "escapes", "long", "deep"])
def test_a_name_in_any_place_ends_in_a_result_or_in_a_sentence(name: str):
    for words in commands(name):
        result = CliRunner().invoke(app, words)
        known = result.exception is None or isinstance(result.exception, SystemExit | UnicodeEncodeError)
        assert known and result.exit_code in (0, 1, 2), words
        if isinstance(result.exception, UnicodeEncodeError):  # the runner's standard output has no such bytes; ours has
            assert name == BYTES
        assert "Traceback" not in result.stderr and "\x1b" not in result.stderr and "\x07" not in result.stderr, words
        result.stderr.encode()
        if result.exit_code == 2:
            assert "advloss: " in result.stderr, words
        assert not [path for path in files(".") if ".advloss-" in path]


def test_pictures_with_hard_names_are_used_under_their_names():
    names = [f"{BYTES}.png", f"{ESCAPES}.png", "写" * 83 + ".png", "l" * 251 + ".png"]
    fill(Path("n"), names)
    done("upscale", "n", "up", "--model", "m.safetensors")
    done("reconstruct", "n", "again", "--model", "t.safetensors")
    assert files("up") == files("again") == sorted(names)
    done("evaluate", "n", "--results", "again", "--out", "o.json")
    done("data", "check", "n")
    said = refused("tokenize", "n", "k.safetensors", "--model", "t.safetensors")
    assert "a tokens file can't keep that name; rename it" in said and "caf\\xe9" in said
    said = refused("upscale", "n", "webp", "--model", "m.safetensors", "--format", "webp")
    assert "has 256 bytes, and 255 is the most here; shorten it" in said and len(files("webp")) == 3


def test_a_run_has_a_name_in_utf8_and_its_pictures_any_name():
    shutil.move("photos", f"{BYTES}-photos")
    for words in ([], ["--run", BYTES]):
        said = refused(*SMALL, f"{BYTES}-photos", *words, "--iterations", "1")
        assert "caf\\xe9" in said and "is not UTF-8, which TensorBoard needs; name the run with --run NAME" in said
    assert not Path("runs").exists()
    done(*SMALL, f"{BYTES}-photos", "--run", ESCAPES, "--iterations", "1")
    assert "from iteration 2" in done("train", "--run", ESCAPES, "--resume", "--iterations", "2").stderr


def test_a_run_whose_name_is_too_long_is_refused_before_training():
    assert "can't be written (File name too long)" in refused(*SMALL, "photos", "--run", LONG)
    assert not Path("runs").exists() and invoke("train", "--run", LONG, "--resume").exit_code == 2
