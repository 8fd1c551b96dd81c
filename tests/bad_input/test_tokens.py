"""Tokens that can not be made, read or written."""

import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.bad_input.helpers import files
from tests.data.pictures import fill
from tests.inference.networks import tokenizer_model
from tests.training.started import done, invoke, refused


def test_tokenizing_what_can_not_be_tokenized(translator: Path):
    tokenizer_model(Path("m.safetensors"))
    tokenizer_model(Path("kl.safetensors"), "{name: kl, channels: 4}")
    fill(Path("in"), ["a.png", "b.png"])
    Path("empty").mkdir()
    Path("bad").mkdir()
    Path("bad/a.png").write_text("no picture")
    Path("file").write_bytes(b"mine")
    Path("folder.safetensors").mkdir()
    for source, target, model, fragment in (
        ("in", "t.pt", "m", "t.pt: a tokens file ends in .safetensors"),
        ("in", "folder.safetensors", "m", "folder.safetensors: is a folder; name a file"),
        ("in", "file/t.safetensors", "m", "file: is a file, and results are to go into a folder of that name"),
        ("nowhere", "t.safetensors", "m", "nowhere: no such file or folder"),
        ("empty", "t.safetensors", "m", "empty: holds no picture"),
        ("bad", "t.safetensors", "m", "none of the pictures could be tokenized:\nbad/a.png: not a picture"),
        ("in", "t.safetensors", "none", "none.safetensors: no such model file"),
        (
            "in",
            "t.safetensors",
            translator.with_suffix(""),
            "is a pix2pix model, it translates: use `advloss translate",
        ),
        ("in", "t.safetensors", "kl", "kl.safetensors has no codes, so there are no tokens"),
    ):
        words = ["tokenize", source, target, "--model", f"{model}.safetensors"]
        assert fragment in refused(*words)
    for words in (["--size", "0"], ["--batch", "0"], ["--shard", "x"]):
        result = invoke("tokenize", "in", "t.safetensors", "--model", "m.safetensors", *words)
        assert result.exit_code == 2 and words[0] in result.stderr
    assert not Path("t.safetensors").exists() and Path("file").read_bytes() == b"mine"
    assert files("folder.safetensors") == []


def test_detokenizing_and_reconstructing_what_can_not_be(translator: Path):
    model = ["--model", tokenizer_model(Path("m.safetensors"))]
    fill(Path("in"), ["a.png", "b.png"])
    done("tokenize", "in", "t.safetensors", *model)
    Path("cut.safetensors").write_bytes(Path("t.safetensors").read_bytes()[:-5])
    Path("file").write_bytes(b"mine")
    for words, fragment in (
        (["detokenize", "cut.safetensors", "out", *model], "cut.safetensors: not a whole .safetensors file"),
        (["detokenize", "m.safetensors", "out", *model], "m.safetensors: holds no tokens; `advloss tokenize` makes"),
        (["detokenize", "none.safetensors", "out", *model], "none.safetensors: no such tokens file"),
        (["detokenize", "t.safetensors", "file", *model], "file: is a file; name a folder for the pictures"),
        (["detokenize", "t.safetensors", "file/x", *model], "file: is a file, and results are to go into a folder"),
        (["detokenize", "t.safetensors", "out", "--model", translator], "is a pix2pix model, it translates"),
        (["reconstruct", "in", "out", "--model", translator], "is a pix2pix model, it translates"),
        (["reconstruct", "in", "file", *model], "file: is a file, and in is a folder; name a folder"),
        (["reconstruct", "in", "in", *model], "in: is the input itself"),
        (["reconstruct", "in/a.png", "a.gif", *model], "a.gif: not a format that can be written"),
        (
            ["upscale", "in", "out", *model],
            "m.safetensors is a tokenizer, it does not upscale: use `advloss reconstruct",
        ),
        (["translate", "m.safetensors", "in", "out"], "m.safetensors is a tokenizer, it does not translate"),
    ):
        assert fragment in refused(*words)
    assert not Path("out").exists() and Path("file").read_bytes() == b"mine" and files("in") == ["a.png", "b.png"]


def test_results_of_tokens_that_can_not_be_written(monkeypatch: pytest.MonkeyPatch):
    model = ["--model", tokenizer_model(Path("m.safetensors"))]
    fill(Path("in"), ["a.png", "b.jpg"])
    done("tokenize", "in", "t.safetensors", *model)
    fsync, written = os.fsync, []

    def full(file: int) -> None:
        written.append(Path(f"/proc/self/fd/{file}").readlink().suffix)
        if len(written) == 1 or written[-1] == ".safetensors":
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    for words in (["detokenize", "t.safetensors", "back"], ["reconstruct", "in", "whole"]):
        written.clear()
        said = refused(*words, *model)
        assert f"{words[-1]}/a.png: can't be written (No space left on device)" in said
        assert files(words[-1]) == ["b.png"]
    for words in ([], ["--shard", "1"]):
        said = refused("tokenize", "in", "new/u.safetensors", *model, *words)
        assert "safetensors: can't be written (No space left on device)" in said
    assert files("new") == []


def test_a_shard_that_is_damaged_stops_that_shard_alone():
    model = ["--model", tokenizer_model(Path("m.safetensors"))]
    fill(Path("in"), ["a.png", "b.png", "c.png"])
    done("tokenize", "in", "t.safetensors", *model, "--shard", "1")
    held = load_file("t-00001.safetensors")
    with safe_open("t-00001.safetensors", "pt") as file:
        metadata = file.metadata()
    save_file({**held, "tokens": torch.full_like(held["tokens"], 300)}, "t-00001.safetensors", metadata=metadata)
    said = refused("detokenize", "t.json", "out", *model)
    assert "t-00001.safetensors: damaged: it has the token 300, and the model's 300 codes are 0 to 299" in said
    assert files("out") == ["a.png", "c.png"]
