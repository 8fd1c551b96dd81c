"""Pictures to tokens and back by the command line: exactly what `reconstruct` makes of them, in batches and shards."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

import advloss
from advloss.images.reading import read_picture, read_rgb8
from advloss.inference.files.summary import Remarks
from advloss.inference.formats import RGB8, to_tensor
from advloss.inference.tokens.encoding import Reading, encoded
from advloss.inference.tokens.fingerprint import fingerprint
from advloss.recipe.model_file import save_model
from tests.data.pictures import fill, picture
from tests.inference.networks import tokenizer_model
from tests.training.started import ENVIRONMENT, command, done, refused

MODEL = ["--model", "m.safetensors"]
BOTTLENECKS = {
    "vq": ("{name: vq, codes: 300, channels: 4}", torch.uint16, 300, []),
    "few": ("{name: vq, codes: 256, channels: 4, normalize: true}", torch.uint8, 256, []),
    "residual": ("{name: residual_vq, codes: 200, channels: 4, books: 3}", torch.uint8, 200, [3]),
    "fsq": ("{name: fsq, levels: [8, 5, 5, 5]}", torch.uint16, 1000, []),
    "lfq": ("{name: lfq, codes: 131072}", torch.int32, 131072, []),
    "gumbel": ("{name: gumbel, codes: 70, channels: 4}", torch.uint8, 70, []),
}


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def folder(name: str = "in") -> Path:
    """Pictures of three sizes, in a tree."""
    fill(Path(name), ["a.png", "b.jpg", "c.png"], 0, 24, 24)
    fill(Path(name, "deep/er"), ["d.webp", "e.png"], 3, 13, 30)
    return fill(Path(name, "deep"), ["f.png"], 5, 5, 1)


def held(path: str | Path) -> tuple[dict[str, torch.Tensor], dict]:
    """The tensors and the JSON of a tokens file, read by safetensors alone."""
    with safe_open(path, "pt") as file:
        return load_file(path), json.loads(file.metadata()["advloss_tokens"])


def contents(name: str | Path) -> dict[str, bytes]:
    return {path.relative_to(name).as_posix(): path.read_bytes() for path in Path(name).rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", BOTTLENECKS)
def test_tokens_and_back_are_exactly_reconstructs_pixels(kind: str):
    bottleneck, dtype, codes, books = BOTTLENECKS[kind]
    tokenizer_model(Path("m.safetensors"), bottleneck)
    folder()
    done("reconstruct", "in", "whole", *MODEL)
    assert "6 pictures written" in done("tokenize", "in", "t.safetensors", *MODEL).stderr
    assert "6 pictures written" in done("detokenize", "t.safetensors", "back", *MODEL).stderr
    names = {"a.png", "b.png", "c.png", "deep/er/d.png", "deep/er/e.png", "deep/f.png"}
    assert contents("back") == contents("whole") and contents("back").keys() == names
    assert read_picture("back/deep/f.png").pixels.shape == (5, 1, 3)

    tensors, about = held("t.safetensors")
    assert about["names"] == ["a.png", "b.jpg", "c.png", "deep/er/d.webp", "deep/er/e.png", "deep/f.png"]
    assert about["codes"] == codes and about["bits"] == np.log2(codes) and about["model"] == "m.safetensors"
    assert tensors["tokens"].dtype == dtype and tensors["tokens"].shape == (3 * 36 + 2 * 32 + 2, *books)
    assert len(tensors["tokens"].long().unique()) > 10
    assert tensors["offsets"].tolist() == [0, 36, 72, 108, 140, 172, 174]
    assert tensors["grids"].tolist() == [[6, 6]] * 3 + [[4, 8]] * 2 + [[2, 1]]
    assert tensors["sizes"].tolist() == [[24, 24]] * 3 + [[13, 30]] * 2 + [[5, 1]]
    model = advloss.load("m.safetensors")
    image = to_tensor(read_rgb8("in/deep/er/e.png"))
    torch.testing.assert_close(tensors["tokens"][140:172].long().reshape(4, 8, *books), model.encode(image)[0])


def test_batches_change_nothing():
    """Neither on the command line nor in the library: on the CPU each picture goes through by itself."""
    tokenizer_model(Path("m.safetensors"))
    fill(Path("in"), 7, height=40, width=56)
    done("reconstruct", "in", "whole", *MODEL, "--size", "32")
    for batch in ("1", "2", "3", "7", "16"):
        done("tokenize", "in", f"t{batch}.safetensors", *MODEL, "--size", "32", "--batch", batch)
        done("detokenize", f"t{batch}.safetensors", f"back{batch}", *MODEL)
        assert Path(f"t{batch}.safetensors").read_bytes() == Path("t1.safetensors").read_bytes()
        assert contents(f"back{batch}") == contents("whole")
    model = advloss.load("m.safetensors")
    images = torch.rand(5, 3, 33, 18) * 2 - 1
    together = []
    for part in (model.method.encoder, model.method.decoder):
        part.register_forward_hook(lambda module, given, made: together.append(len(given[0])))
    indices = model.encode(images)
    assert torch.equal(indices, torch.cat([model.encode(one) for one in images.split(1)]))
    assert torch.equal(model.reconstruct(images), torch.cat([model.decode(one, (33, 18)) for one in indices.split(1)]))
    assert together and {*together} == {1}


def test_on_a_gpu_batches_are_of_one_size_and_always_full():
    """So that what becomes of a picture does not depend on how many others there are."""
    folder()
    Path("in/deep/er/e.png").write_bytes(b"no picture")
    shapes = []

    def encode(images: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(images.shape))
        return images.mean((1, 2, 3))

    def brightness(path: Path) -> float:
        return float(read_rgb8(path).mean() / 127.5 - 1)

    paths = sorted(path for path in Path("in").rglob("*") if path.is_file())
    model = SimpleNamespace(device=torch.device("cuda"), encode=encode, tokenized=RGB8)
    bad: list[int] = []
    found = {
        one.number: one
        for one in encoded(model, paths, lambda number, _: bad.append(number), Reading(batch=2), Remarks())
    }
    assert shapes == [(2, 3, 24, 24), (2, 3, 24, 24), (2, 3, 13, 30), (2, 3, 5, 1)]
    assert [paths[number].name for number in bad] == ["e.png"] and len(found) == 5
    for number, one in found.items():
        assert one.codes.item() == pytest.approx(brightness(paths[number]), abs=1e-5)
    shapes.clear()
    assert len(list(encoded(model, paths, lambda *_: None, Reading(size=8), Remarks()))) == 5
    assert shapes == [(16, 3, 8, 8)]


def test_kl_models_have_a_reconstruction_and_no_tokens():
    tokenizer_model(Path("kl.safetensors"), "{name: kl, channels: 4}")
    folder()
    done("reconstruct", "in", "out", "--model", "kl.safetensors")
    model = advloss.load("kl.safetensors")
    latent = model.encode(to_tensor(read_rgb8("in/deep/er/e.png")))
    assert latent.shape == (1, 4, 4, 8)
    made = (model.decode(latent, (13, 30))[0].clamp(-1, 1).permute(1, 2, 0) + 1) * 127.5
    np.testing.assert_array_equal(read_picture("out/deep/er/e.png").pixels, made.round().numpy())
    said = refused("tokenize", "in", "t.safetensors", "--model", "kl.safetensors")
    assert "kl.safetensors has no codes" in said and "`advloss reconstruct INPUT OUTPUT --model MODEL`" in said
    assert not Path("t.safetensors").exists()


def test_grey_alpha_and_16_bits_come_back_as_8_bit_rgb():
    tokenizer_model(Path("m.safetensors"))
    Path("in").mkdir()
    rgb = picture(1, 20, 24)
    Image.fromarray(rgb).save("in/rgb.png")
    Image.fromarray(rgb[..., 0]).save("in/grey.png")
    Image.fromarray(np.dstack([rgb, picture(2, 20, 24)[..., :1]])).save("in/alpha.png")
    cv2.imwrite("in/deep.png", rgb[..., ::-1].astype(np.uint16) * 257)
    done("tokenize", "in", "t.safetensors", *MODEL)
    done("detokenize", "t.safetensors", "back", *MODEL)
    made = {path.stem: read_picture(path) for path in Path("back").iterdir()}
    assert all(one.pixels.dtype == np.uint8 and one.pixels.shape == (20, 24, 3) for one in made.values())
    assert all(one.alpha is None for one in made.values())
    np.testing.assert_array_equal(made["deep"].pixels, made["rgb"].pixels)
    for name in ("grey", "alpha"):
        Image.fromarray(read_rgb8(f"in/{name}.png")).save("flat.png")
        done("reconstruct", "flat.png", "flat-out.png", *MODEL, "--overwrite")
        np.testing.assert_array_equal(made[name].pixels, read_picture("flat-out.png").pixels)


def test_size_cuts_the_middle_square_of_the_resized_picture():
    tokenizer_model(Path("m.safetensors"))
    Path("in").mkdir()
    middle = picture(3, 30, 30)
    Image.fromarray(np.hstack([picture(4, 30, 5), middle, picture(5, 30, 5)])).save("in/wide.png")
    Image.fromarray(middle).save("middle.png")
    done("tokenize", "in", "t.safetensors", *MODEL, "--size", "30")
    done("tokenize", "middle.png", "u.safetensors", *MODEL)
    assert torch.equal(held("t.safetensors")[0]["tokens"], held("u.safetensors")[0]["tokens"])
    Image.fromarray(np.repeat(np.repeat(middle, 2, 0), 2, 1)).resize((22, 22), Image.Resampling.BICUBIC).save("r.png")
    Image.fromarray(np.repeat(np.repeat(middle, 2, 0), 2, 1)).save("large.png")
    done("tokenize", "large.png", "v.safetensors", *MODEL, "--size", "22")
    done("tokenize", "r.png", "w.safetensors", *MODEL)
    assert torch.equal(held("v.safetensors")[0]["tokens"], held("w.safetensors")[0]["tokens"])
    assert held("v.safetensors")[1]["size"] == 22 and held("w.safetensors")[1]["size"] is None


# shards --------------------------------------------------------------------------------------------------------------


def test_shards_hold_the_same_as_one_file():
    tokenizer_model(Path("m.safetensors"))
    folder()
    done("tokenize", "in", "t.safetensors", *MODEL)
    assert "6 pictures written" in done("tokenize", "in", "far/s.safetensors", *MODEL, "--shard", "4").stderr
    assert contents("far").keys() == {"s-00000.safetensors", "s-00001.safetensors", "s.json"}
    parts = [held(f"far/s-0000{number}.safetensors") for number in (0, 1)]
    assert torch.equal(torch.cat([tensors["tokens"] for tensors, _ in parts]), held("t.safetensors")[0]["tokens"])
    assert [*parts[0][1]["names"], *parts[1][1]["names"]] == held("t.safetensors")[1]["names"]
    index = json.loads(Path("far/s.json").read_text())
    files = [{"file": f"s-0000{number}.safetensors", "pictures": count} for number, count in ((0, 4), (1, 2))]
    assert index == {"format": 1, "fingerprint": parts[0][1]["fingerprint"], "pictures": 6, "shards": files}
    done("detokenize", "t.safetensors", "back", *MODEL)
    for number, source in enumerate(("far", "far/s.json", "far/s.safetensors")):
        done("detokenize", source, f"back{number}", *MODEL)
        assert contents(f"back{number}") == contents("back")
    assert "2 pictures written" in done("detokenize", "far/s-00001.safetensors", "part", *MODEL).stderr


def test_ctrl_c_keeps_finished_shards_and_the_same_command_goes_on(monkeypatch: pytest.MonkeyPatch):
    tokenizer_model(Path("m.safetensors"))
    folder()
    words = ["tokenize", "in", "s.safetensors", *MODEL, "--shard", "2"]
    real, calls = os.fsync, []

    def interrupted(file: int) -> None:
        calls.append(file)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(file)

    with monkeypatch.context() as context:
        context.setattr(os, "fsync", interrupted)
        said = refused(*words, code=130)
    assert "interrupted: 2 pictures written; the same command goes on from there" in said
    assert sorted(path.name for path in Path().glob("*s*")) == ["m.safetensors", "s-00000.safetensors"]
    said = refused("detokenize", "s.safetensors", "back", *MODEL)
    assert "s.safetensors: its shards are not complete; the same `advloss tokenize` goes on with them" in said
    first = Path("s-00000.safetensors").stat().st_mtime_ns
    assert "4 pictures written, 2 were there already" in done(*words).stderr
    assert Path("s-00000.safetensors").stat().st_mtime_ns == first
    assert "0 pictures written, 6 were there already" in done(*words).stderr
    done("detokenize", "s.safetensors", "back", *MODEL)
    done("reconstruct", "in", "whole", *MODEL)
    assert contents("back") == contents("whole")


@pytest.mark.slow
def test_a_killed_call_goes_on_with_the_shard_that_it_was_in():
    tokenizer_model(Path("m.safetensors"))
    fill(Path("in"), 60, height=200, width=200)
    words = ["tokenize", "in", "k/s.safetensors", *MODEL, "--shard", "3"]
    process = subprocess.Popen(command(*words), env=ENVIRONMENT, stderr=subprocess.DEVNULL)
    while len(list(Path("k").glob("s-*.safetensors"))) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = len(list(Path("k").glob("s-*.safetensors")))
    assert 2 <= there < 20 and not Path("k/s.json").exists()
    assert f"{3 * there} were there already" in done(*words).stderr
    done("tokenize", "in", "w/s.safetensors", *MODEL, "--shard", "3")
    assert contents("k") == contents("w"), "and what the killed call left is removed"


def test_an_unreadable_picture_is_named_skipped_and_counted_again_when_resumed():
    tokenizer_model(Path("m.safetensors"))
    folder()
    Path("in/b.jpg").write_bytes(Path("in/b.jpg").read_bytes()[:200])
    words = ["tokenize", "in", "s.safetensors", *MODEL, "--shard", "2"]
    for _ in range(2):
        said = refused(*words)
        assert "these could not be tokenized:\nin/b.jpg: " in said
    tensors, about = held("s-00000.safetensors")
    assert about["names"] == ["a.png"] and about["skipped"].keys() == {"b.jpg"} and len(tensors["sizes"]) == 1
    assert json.loads(Path("s.json").read_text())["pictures"] == 5
    fill(Path("in"), ["b.jpg"], 1)
    assert "to try again, remove that file" in refused(*words)
    Path("s-00000.safetensors").unlink()
    assert "2 pictures written, 4 were there already" in done(*words).stderr
    Path("in/b.jpg").write_bytes(b"")
    result = refused("tokenize", "in", "t.safetensors", *MODEL)
    assert "in/b.jpg: the file is empty" in result and len(held("t.safetensors")[1]["names"]) == 5


def test_shards_that_hold_something_else_are_not_gone_on_with():
    tokenizer_model(Path("m.safetensors"))
    tokenizer_model(Path("n.safetensors"), seed=1)
    folder()
    words = ["tokenize", "in", "s.safetensors", "--shard"]
    done(*words, "2", *MODEL)
    before = contents(".")
    for more, fragment in (
        (["3", *MODEL], "s-00000.safetensors: holds other pictures: the folder or --shard has changed since"),
        (["2", *MODEL, "--size", "8"], "s-00000.safetensors: was made with --size None, and --size is 8 now"),
        (["2", "--model", "n.safetensors"], "s-00000.safetensors: its tokens are another model's"),
    ):
        assert fragment in refused(*words, *more)
    assert contents(".") == before
    assert "6 pictures written" in done(*words, "5", *MODEL, "--overwrite").stderr
    assert sorted(path.name for path in Path().glob("s*")) == ["s-00000.safetensors", "s-00001.safetensors", "s.json"]


def test_a_folders_shards_that_are_missing_or_several():
    tokenizer_model(Path("m.safetensors"))
    folder()
    done("tokenize", "in", "s/a.safetensors", *MODEL, "--shard", "5")
    Path("s/a-00001.safetensors").rename("moved")
    said = refused("detokenize", "s", "back", *MODEL)
    assert "s/a.json: names shards that are not in its folder: a-00001.safetensors" in said
    Path("moved").rename("s/a-00001.safetensors")
    done("tokenize", "in", "s/b.safetensors", *MODEL, "--shard", "5")
    assert "s: holds several (a.json, b.json ...); name one" in refused("detokenize", "s", "back", *MODEL)
    Path("none").mkdir()
    assert "none: holds no index of shards and no tokens file" in refused("detokenize", "none", "back", *MODEL)
    Path("other.json").write_text("{}")
    assert "other.json: no index of token shards" in refused("detokenize", "other.json", "back", *MODEL)
    said = refused("tokenize", "in", "other.safetensors", *MODEL, "--shard", "2")
    assert "other.json: is no index of shards" in said and Path("other.json").read_text() == "{}"
    assert not Path("back").exists()


# back ----------------------------------------------------------------------------------------------------------------


def test_what_is_there_already_is_kept():
    tokenizer_model(Path("m.safetensors"))
    folder()
    done("tokenize", "in", "t.safetensors", *MODEL)
    for number, words in enumerate((["detokenize", "t.safetensors"], ["reconstruct", "in"])):
        out = Path(f"out{number}")
        fill(out, ["a.png"], first=9)
        before = Path(out, "a.png").read_bytes()
        assert "5 pictures written, 1 were there already" in done(*words, out, *MODEL).stderr
        assert Path(out, "a.png").read_bytes() == before
        assert "6 pictures written" in done(*words, out, *MODEL, "--overwrite").stderr
        assert Path(out, "a.png").read_bytes() != before
    assert "t.safetensors exists; --overwrite replaces it" in refused("tokenize", "in", "t.safetensors", *MODEL)
    assert "out1/a.png exists; --overwrite" in refused("reconstruct", "in/a.png", "out1/a.png", *MODEL)
    done("tokenize", "in/a.png", "t.safetensors", *MODEL, "--overwrite")
    assert held("t.safetensors")[1]["names"] == ["a.png"]


def test_names_that_would_become_one():
    tokenizer_model(Path("m.safetensors"))
    fill(Path("in"), ["a.png", "a.jpg", "b.png"])
    done("tokenize", "in", "t.safetensors", *MODEL)
    for words in (["detokenize", "t.safetensors"], ["reconstruct", "in"]):
        assert "each would become out/a.png" in refused(*words, "out", *MODEL)
        assert contents("out").keys() == {"b.png"}


# whose tokens --------------------------------------------------------------------------------------------------------


def test_the_fingerprint_is_of_weights_and_what_shapes_tokens_alone():
    path = tokenizer_model(Path("m.safetensors"), "{name: vq, codes: 300, channels: 4, revive: 0.01, kmeans: true}")
    model = advloss.load(path)

    def of(recipe=model.recipe) -> str:
        return fingerprint(model.method, recipe)

    first = of()
    assert len(first) == 64 and of(advloss.load(path).recipe) == first
    recipe = model.recipe.model_copy(deep=True)
    recipe.seed, recipe.data.batch, recipe.train.iterations, recipe.losses = 5, 99, 7, {}
    recipe.networks["encoder"].model_extra["dropout"] = 0.3
    recipe.networks["bottleneck"].model_extra.update(beta=1.0, legacy=True, revive=0.5)
    assert of(recipe) == first
    recipe.networks["bottleneck"].model_extra["normalize"] = True
    assert of(recipe) != first
    model.method.bottleneck.codebook.share.fill_(0.5)
    assert of() == first
    with torch.no_grad():
        model.method.decoder.last.bias[0] += 1e-6
    assert of() != first


def test_the_fingerprint_of_a_file_does_not_change_between_versions():
    """Tokens files that exist depend on it. The weights here are whole numbers that no library's version changes."""
    tokenizer_model(Path("m.safetensors"), "{name: fsq, levels: [8, 5]}")
    model = advloss.load("m.safetensors")
    with torch.no_grad():
        for number, weight in enumerate(model.method.parameters()):
            weight.fill_(number)
    assert fingerprint(model.method, model.recipe).startswith("97b6923d6beaca31")


def test_the_tokens_of_another_model_are_refused():
    tokenizer_model(Path("m.safetensors"))
    tokenizer_model(Path("n.safetensors"), seed=1)
    folder()
    done("tokenize", "in", "t.safetensors", *MODEL)
    done("tokenize", "in", "s/t.safetensors", *MODEL, "--shard", "4")
    mine, other = (
        fingerprint(model.method, model.recipe) for model in map(advloss.load, ("m.safetensors", "n.safetensors"))
    )
    for source in ("t.safetensors", "s"):
        said = refused("detokenize", source, "back", "--model", "n.safetensors")
        assert f"{mine[:12]}..." in said and f"{other[:12]}..." in said and "its name was 'm.safetensors'" in said
        assert not Path("back").exists()
    recipe = advloss.load("m.safetensors").recipe.model_copy(deep=True)
    recipe.seed = 9
    save_model(Path("o.safetensors"), recipe, advloss.load("m.safetensors").method.state_dict(), {})
    done("detokenize", "t.safetensors", "back", "--model", "o.safetensors")  # the same but for its training
