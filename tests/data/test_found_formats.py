"""The formats of fields follow from the files, unless the recipe says otherwise."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from advloss.core.errors import InputError
from advloss.data.fields import Fields, Image, Label, Noise, Vector
from advloss.data.formats import FieldFormat
from advloss.data.found_formats import found_formats
from advloss.data.sources.base import split_of
from advloss.data.sources.rows import Rows
from advloss.data.sources.values import FileValues
from advloss.data.synthetic.sets import SETS
from advloss.images.picture import Picture
from advloss.images.writing import write_picture

ONE: Fields = {"a": Image("x", made_from="b"), "b": Image("x")}
Kind = tuple[int, str]


def found(folder: Path, kinds: list[Kind], said: dict[str, Any] | None = None) -> FieldFormat:
    """The format of files, each of so many channels and one numpy type; the values are those of the file's number."""
    folder.mkdir(exist_ok=True)
    for number, (channels, dtype) in enumerate(kinds):
        pixels = np.full((8, 8, channels), number - 1 if dtype == "f4" else 7, dtype)
        write_picture(folder / f"{number}{'.npy' if dtype == 'f4' or channels > 4 else '.png'}", Picture(pixels))
    split = split_of(ONE, {"b": FileValues(sorted(folder.iterdir()))}, False)
    formats = found_formats(split, lambda option, name: (said or {}).get(option))
    assert formats["a"] == formats["b"]  # what is made from it has its form
    return formats["b"]


@pytest.mark.parametrize(
    ("kinds", "said", "wanted"),
    [
        ([(3, "u1")], {}, (3, 8, (0, 255))),
        ([(1, "u1"), (1, "u1")], {}, (1, 8, (0, 255))),
        ([(1, "u1"), (3, "u1")], {}, (3, 8, (0, 255))),
        ([(4, "u1"), (3, "u1")], {}, (3, 8, (0, 255))),
        ([(4, "u1"), (3, "u1")], {"channels": 4}, (4, 8, (0, 255))),
        ([(2, "u1")], {}, (1, 8, (0, 255))),
        ([(3, "u1")], {"channels": 1}, (1, 8, (0, 255))),
        ([(5, "u1")], {}, (5, 8, (0, 255))),
        ([(1, "u2")], {}, (1, 16, (0, 65535))),
        ([(1, "u2"), (1, "u1")], {}, (1, 16, (0, 65535))),
        ([(1, "u2")], {"depth": 8}, (1, 8, (0, 255))),
        ([(1, "u2")], {"range": (0, 4095)}, (1, 16, (0, 4095))),
        ([(1, "u1")], {"depth": "float"}, (1, "float", (0, 255))),
        ([(2, "f4"), (2, "f4"), (2, "f4")], {}, (2, "float", (-1, 1))),
        ([(1, "f4"), (1, "f4")], {"range": (-10, 10)}, (1, "float", (-10, 10))),
    ],
)
def test_what_the_files_are(tmp_path: Path, kinds: list[Kind], said: dict[str, Any], wanted: tuple) -> None:
    form = found(tmp_path / "x", kinds, said)
    assert (form.channels, form.depth, form.range) == wanted


@pytest.mark.parametrize(
    ("kinds", "said", "says"),
    [
        ([(5, "u1"), (6, "u1")], {}, r"1\.npy has 6 channels and others of 'b' have 5; keep files"),
        ([(5, "u1")], {"channels": 3}, r"data\.channels: \S*0\.npy has 5 channels, which can't become 3"),
        ([(1, "f4"), (1, "u1")], {}, r"0\.npy holds floating point and \S*1\.png whole numbers"),
        ([(1, "f4"), (1, "f4")], {"depth": 8}, r"data\.depth: \S*0\.npy holds floating point, which can't be 8 bits"),
        ([(1, "f4")], {}, r"data\.range: all values of 'b' are -1; say which range they lie in"),
    ],
)
def test_files_without_a_common_form(tmp_path: Path, kinds: list[Kind], said: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        found(tmp_path / "x", kinds, said)


def test_files_that_cannot_be_read_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "5.png").write_bytes(b"no picture")
    assert found(tmp_path / "x", [(1, "u1")]).channels == 1


def test_drawn_pictures_and_other_fields() -> None:
    assert set(found_formats(SETS["stripes"](32, 0).train, lambda *_: None).values()) == {FieldFormat()}
    fields: Fields = {"label": Label("s"), "vector": Vector("s"), "noise": Noise(size=9)}
    rows = {"label": Rows(np.array([0, 1]), ("x", "y")), "vector": Rows(np.zeros((2, 4), np.float32))}
    formats = found_formats(split_of(fields, {}, False, rows), lambda *_: None)
    assert formats["label"].classes == ("x", "y")
    assert (formats["vector"].size, formats["noise"].size) == (4, 9)
