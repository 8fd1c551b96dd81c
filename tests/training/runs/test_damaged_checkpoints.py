"""Checkpoints that are damaged in hundreds of ways, from fixed seeds: each is restored to the bit, or refused."""

import copy
import json
import os
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from advloss.core.errors import InputError
from advloss.training.fast.step import FastStep
from advloss.training.processes import Processes
from advloss.training.run.checkpoint import _checksum, read_checkpoint, restore, write_checkpoint
from tests.training.games import CPU, images, small

STATE = {"iteration": 2, "best": 21.5, "history": [], "items": {"train": {"a": (4, "x")}}}


class Whole:
    """A checkpoint after two iterations: its file's bytes, its content, and an executor to restore it in."""

    def __init__(self, folder: Path) -> None:
        words = ["train.average=0.9", "losses.adversarial.pool=2"]
        built = small(*words)
        one = FastStep(built, CPU)
        for number in range(2):
            one.play([images(number)], number)
        self.path = folder / "checkpoint.pt"
        write_checkpoint(self.path, one, built.recipe, STATE, Processes("cpu"))
        self.bytes = self.path.read_bytes()
        self.content = read_checkpoint(self.path)
        self.executor = FastStep(small(*words), CPU)

    def tried(self, what: str) -> bool:
        """Whether the file that lies there now is restored exactly; else it must be refused in one paragraph."""
        try:
            content = read_checkpoint(self.path)
            restore(content, self.executor, Processes("cpu"))
        except InputError as error:
            said = str(error)
            assert said.startswith(f"{self.path}: ") or said.startswith("the run's checkpoint "), (what, said)
            assert "\n" not in said and len(said) < 600 and "weights_only" not in said, (what, said)
            return False
        assert same(content, self.content), what
        return True


def same(one: Any, two: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(two, torch.Tensor) and one.dtype == two.dtype and torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return type(one) is type(two) and one == two


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return Whole(tmp_path_factory.mktemp("run"))


def test_the_whole_file(whole: Whole):
    whole.path.write_bytes(whole.bytes)
    assert whole.tried("whole")


def test_flipped_bits_and_lost_blocks(whole: Whole):
    draw, size, restored = random.Random(1), len(whole.bytes), 0
    for number in range(240):
        data, place = bytearray(whole.bytes), draw.randrange(size)
        kind = ("bit", "byte", "block of zeros", "block elsewhere")[number % 4]
        if kind == "bit":
            data[place] ^= 1 << draw.randrange(8)
        elif kind == "byte":
            data[place] = draw.randrange(256)
        else:
            length = min(draw.choice([4, 64, 512]), size - place)
            other = draw.randrange(size - length)
            data[place : place + length] = bytes(length) if kind == "block of zeros" else data[other : other + length]
        whole.path.write_bytes(data)
        restored += whole.tried(f"{kind} at {place}")
    assert restored < 200  # padding and dates of the archive are no content


def test_flipped_bits_in_each_record(whole: Whole):
    """In every tensor's own bytes, where nothing but a checksum can tell."""
    draw = random.Random(2)
    whole.path.write_bytes(whole.bytes)
    places = []
    with zipfile.ZipFile(whole.path) as archive:
        for info in archive.infolist():
            if "/data/" in info.filename and info.file_size:
                head = whole.bytes[info.header_offset :][:30]  # of the record, before its name and its padding
                start = info.header_offset + 30 + sum(int.from_bytes(head[k : k + 2], "little") for k in (26, 28))
                places.append((start, info.file_size))
    for start, length in places:
        data, place = bytearray(whole.bytes), start + draw.randrange(length)
        data[place] ^= 1 << draw.randrange(8)
        whole.path.write_bytes(data)
        assert not whole.tried(f"bit at {place}")
    assert len(places) > 30


def test_files_that_are_cut_short_or_long(whole: Whole):
    draw, size = random.Random(3), len(whole.bytes)
    for length in [0, 1, 4, size - 1, size - 22, *(draw.randrange(size) for _ in range(45))]:
        whole.path.write_bytes(whole.bytes[:length])
        assert not whole.tried(f"cut to {length}")
    for more in (b"x", bytes(4096)):
        whole.path.write_bytes(whole.bytes + more)
        whole.tried("longer")


def changed(content: dict[str, Any], draw: random.Random) -> Iterator[tuple[str, Any]]:
    """The content with one entry removed, or of another type, shape or value."""
    values: list[Any] = [None, "text", "", -1, 3, 2.5, float("nan"), [], {}, [1], {"a": 1}, torch.ones(3), True, b"x"]
    for key in content:
        yield f"without {key}", {name: value for name, value in content.items() if name != key}
        for value in draw.sample(values, 4):
            yield f"{key} {value!r}", {**content, key: value}
    for part in ("method", "terms", "average"):
        for name in draw.sample(sorted(content[part]), 3):
            tensor = content[part][name]
            others = [tensor + 1, tensor[..., None], tensor.flatten()[:1], tensor.to(torch.int64), "text", None]
            for other in others:
                yield f"{part} {name}", {**content, part: {**content[part], name: other}}
    yield "players", {**content, "players": {"generator": {}}}
    yield "processes", {**content, "processes": [{}]}


def test_entries_that_are_changed(whole: Whole):
    count = 0
    for what, content in changed(whole.content, random.Random(4)):
        torch.save(content, whole.path)
        assert not whole.tried(what) or same(content, whole.content), what
        count += 1
    assert count > 100


def test_entries_that_are_changed_and_the_checksum_with_them(whole: Whole):
    """As by a script of a user's own: what does not fit the recipe is refused."""
    part = whole.content
    name, tensor = next(iter(part["method"].items()))
    for what, content in {
        "shape": {**part, "method": {**part["method"], name: tensor.flatten()[:1]}},
        "absent": {**part, "method": {other: value for other, value in part["method"].items() if other != name}},
        "more": {**part, "terms": {**part["terms"], "other": tensor}},
        "player": {**part, "players": {"generator": part["players"]["generator"]}},
        "optimizer": {**part, "players": {**part["players"], "generator": {"optimizer": {}, "scaler": {}}}},
        "random": {**part, "processes": [{"random": torch.zeros(3), "method": {}, "terms": {}}]},
    }.items():
        content = copy.copy(content)
        content["checksum"] = _checksum(content)
        torch.save(content, whole.path)
        assert not whole.tried(what)


def test_files_that_are_something_else(whole: Whole):
    class Command:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, ("echo run > ran",)

    nested: Any = []
    for _ in range(400):
        nested = [nested]
    for content in ([], [1, 2], {}, "text", 3, torch.ones(2), {"format": 3}, {"state_dict": {}}, nested, Command()):
        torch.save(content, whole.path)
        assert not whole.tried(str(type(content)))
    torch.save({"format": 2}, whole.path)
    with pytest.raises(InputError, match=r"by an older version of advloss, .*initial=.*model\.safetensors"):
        read_checkpoint(whole.path)
    assert not Path("ran").exists()
    for data in (b"", b"text\n", json.dumps({"format": 3}).encode(), b"PK\x03\x04", bytes(1000)):
        whole.path.write_bytes(data)
        assert not whole.tried(repr(data[:9]))
    whole.path.unlink()
    whole.path.mkdir()
    assert not whole.tried("a folder")
    whole.path.rmdir()
