"""Model files that nobody vouches for: a model whose bytes are those that were written, or one sentence, in time."""

import json
import os
import random
import re
import struct
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from advloss.core.errors import InputError
from advloss.inference.upscaler import load_upscaler
from advloss.recipe import sizes
from advloss.recipe.build_method import build_method
from advloss.recipe.model_file import KEY, read_model, save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import known_recipes, read

NARROW = {
    "cyclegan-small": ("networks.g_ab.width=2", "networks.g_ba.width=2"),
    "realesrgan-small": ("networks.generator.width=4",),
    "vqgan-small": ("networks.encoder.width=8", "networks.encoder.groups=4", "networks.decoder.width=8",
                    "networks.decoder.groups=4"),
}  # fmt: skip
Content = dict[str, Any]


def _written(path: Path, name: str) -> bytes:
    source = read(name)
    for override in NARROW[name]:
        if override.split(".")[1] in source.values["networks"]:
            source.override(override)
    recipe = resolve(source)
    save_model(path, recipe, build_method(recipe).state_dict(), {"iteration": 3})
    return path.read_bytes()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    torch.manual_seed(0)
    return [_written(tmp_path_factory.mktemp("models") / "m.safetensors", name) for name in NARROW]


def _parts(data: bytes) -> tuple[Content, bytes]:
    """The header, as JSON, and the tensors' bytes."""
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def _whole(header: Content, tensors: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + tensors


def _said(path: Path, data: bytes) -> str | None:
    """What the reader says; None if it takes the file."""
    path.write_bytes(data)
    began = time.process_time()
    try:
        read_model(path)
    except InputError as error:
        said = str(error)
        assert said.startswith(str(path)) and "\n" not in said and len(said) < 1500, said
        return said.removeprefix(f"{path}: ")
    finally:
        assert time.process_time() - began < 4
    return None


def _changed(data: bytes, change: Content | None = None, **content: Any) -> bytes:
    """The file with another content in its metadata, and no checksum. change: of the recipe, by dotted keys."""
    header, tensors = _parts(data)
    held = json.loads(header["__metadata__"][KEY])
    held.pop("checksum")
    held |= content
    for key, value in (change or {}).items():
        inner = held["recipe"]
        *above, last = key.split(".")
        for part in above:
            inner = inner[part]
        inner[last] = value
    header["__metadata__"][KEY] = json.dumps(held)
    return _whole(header, tensors)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"networks.generator.width": 10**9}, "its recipe's networks can't be built"),
        ({"networks.generator.width": 10**30}, "can't be built|recipe is not one"),
        ({"networks.generator.width": 20_000}, "of another shape"),
        ({"networks.generator.blocks": 10**7}, "more layers than the file has tensors for"),
        ({"networks.generator.blocks": 10**18}, "more layers than the file has tensors for|can't be built"),
        ({"networks.generator.blocks": 40}, "missing"),
        ({"networks.generator.blocks": 2}, "unexpected"),
        ({"networks.generator.width": 5}, "of another shape: generator.first.* and 2[0-9] more"),
        ({"networks.generator.width": True}, "."),
        ({"networks.generator.width": None}, "."),
        ({"networks.generator": []}, "its recipe is not one"),
        ({"networks": []}, "its recipe is not one"),
        ({"method": {}}, "its recipe is not one"),
        ({"losses": "x"}, "its recipe is not one"),
        ({"train": None}, "its recipe is not one"),
    ],
)  # fmt: skip
def test_a_recipe_that_its_tensors_do_not_fill(files: list[bytes], tmp_path: Path, change: Content, says: str) -> None:
    said = _said(tmp_path / "m.safetensors", _changed(files[1], change))
    assert said is not None and re.search(says, said), said


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"format": 3}, "its recipe is of format 3, and this version of advloss reads up to 2: install a newer one"),
        ({"format": 10**6}, "install a newer one"),
        ({"format": "2"}, "its recipe is not one"),
        ({"format": None}, "its recipe is not one"),
        ({"format": 0}, "its recipe is not one"),
        ({"format": -1}, "its recipe is not one"),
        ({"recipe": None}, "its recipe is not one"),
        ({"recipe": []}, "its recipe is not one"),
        ({"recipe": {"train": []}, "format": 1}, "its recipe is not one"),
        ({"checksum": "0" * 64}, "damaged: its bytes are not those that were written"),
        ({"checksum": 5}, "damaged"),
    ],
)  # fmt: skip
def test_metadata_that_can_not_be(files: list[bytes], tmp_path: Path, content: Content, says: str) -> None:
    said = _said(tmp_path / "m.safetensors", _changed(files[1], **content))
    assert said is not None and says in said, said


def test_files_that_hold_no_model(files: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    header, tensors = _parts(files[1])
    metadata = {"__metadata__": _parts(_changed(files[1]))[0]["__metadata__"]}
    assert _said(path, _whole(metadata, b"")) == "its weights do not fit its recipe: it holds no tensors"
    for text, says in (
        ("[" * 100_000, "deep"),
        ("9" * 5000, "can't be read"),
        ("[]", "a list"),
        ("", "can't be read"),
        ("{", "can't be read"),
    ):
        assert says in (_said(path, _whole(header | {"__metadata__": {KEY: text}}, tensors)) or "")
    assert "not a whole" in (_said(path, struct.pack("<Q", 2**40) + b"{}") or "")
    assert "not a whole" in (_said(path, struct.pack("<Q", 10**5) + b"[" * 10**5) or "")


def test_files_of_before_have_no_checksum(files: list[bytes], tmp_path: Path) -> None:
    for data in files:
        assert _said(tmp_path / "m.safetensors", _changed(data)) is None


@pytest.mark.parametrize("kind", ["pipe", "folder", "absent"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "m.safetensors"
    if kind == "pipe":
        os.mkfifo(path)
    if kind == "folder":
        path.mkdir()
    for reader in (read_model, load_upscaler):
        with pytest.raises(InputError, match=r"m\.safetensors: (no such|is a pipe|is a folder)"):
            reader(path)
    if kind == "pipe":
        os.mkfifo(tmp_path / "m.pth")
        with pytest.raises(InputError, match=r"m\.pth: (no such file|is a pipe)"):
            load_upscaler(tmp_path / "m.pth")


@pytest.mark.parametrize("name", sorted(known_recipes()))
def test_every_recipe_is_made_on_the_meta_device_as_it_is(name: str) -> None:
    """Its shapes and names are those of the method that is built; it allocates nothing and draws no random number."""
    recipe = resolve(read(name))
    before = torch.get_rng_state()
    made = sizes._on_meta(recipe, 10**5)
    assert torch.equal(torch.get_rng_state(), before)
    assert made is not None and all(
        tensor.is_meta
        for name, tensor in made.state_dict().items()
        if not name.endswith(".iteration")  # a number
    )
    shapes = {key: tuple(tensor.shape) for key, tensor in made.state_dict().items()}
    sizes.check_sizes(recipe, shapes)
    if name in NARROW:
        built = build_method(recipe).state_dict()
        assert shapes == {key: tuple(tensor.shape) for key, tensor in built.items()}


def test_fuzzed_model_files(files: list[bytes], tmp_path: Path) -> None:
    """420 files with flipped bits, cut ends and changed headers: none with other bytes than were written is taken."""
    chosen, taken, path = random.Random(15), 0, tmp_path / "m.safetensors"
    for number in range(420):
        data = bytearray(chosen.choice(files))
        length = struct.unpack("<Q", data[:8])[0]
        match number % 4:
            case 0:  # a bit anywhere, or in the header
                data[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
            case 1:
                data[chosen.randrange(8 + length)] ^= 1 << chosen.randrange(8)
            case 2:
                place = chosen.randrange(len(data))
                data = data[:place] if number % 3 else data[:place] + data[place + chosen.randrange(1, 99) :]
            case 3:
                data = bytearray(_odd(bytes(data), chosen))
        taken += _said(path, bytes(data)) is None
    assert taken == 0


def _odd(data: bytes, chosen: random.Random) -> bytes:
    """The file with an odd value at a random place of its metadata or of a tensor's header."""
    header, tensors = _parts(data)
    values = [None, [], {}, -1, 0, 10**9, 10**18, 10**400, 1e308, "", "x", True, [[]], {"name": "x"}]
    if chosen.random() < 0.25:
        name = chosen.choice(sorted(header))
        if name != "__metadata__":
            key = chosen.choice(["dtype", "shape", "data_offsets"])
            header[name][key] = chosen.choice(["F16", "I64", "F8_E4M3", [], [0], [-1], [2**63, 2], [10**18], *values])
        return _whole(header, tensors)
    held = json.loads(header["__metadata__"][KEY])
    inner: Any = held
    while isinstance(inner, dict | list) and inner:
        key: Any = chosen.choice(sorted(inner) if isinstance(inner, dict) else range(len(inner)))
        if not isinstance(inner[key], dict | list) or not inner[key] or chosen.random() < 0.2:
            inner[key] = chosen.choice([value for value in values if value != inner[key]])
            break
        inner = inner[key]
    header["__metadata__"][KEY] = json.dumps(held)
    return _whole(header, tensors)
