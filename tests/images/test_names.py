"""How pictures in two folders find each other."""

from pathlib import Path

import pytest

from advloss.core.errors import InputError
from advloss.images.names import by_name

FOLDER = Path("in")


def found(*names: str, **options: object) -> dict[str, str]:
    paths = [FOLDER / name for name in names]
    return {key: path.name for key, path in by_name(FOLDER, paths, **options).items()}  # type: ignore[arg-type]


def test_names_are_paths_without_extension():
    assert found("deep/a.b.png", "a.jpg", "0001x4.png") == {"deep/a.b": "a.b.png", "a": "a.jpg", "0001x4": "0001x4.png"}


def test_the_scale_of_small_pictures():
    assert found("0001x4.png", "x4.png", "b.png", large={"0001", "x4"}) == {
        "0001": "0001x4.png",
        "x4": "x4.png",
        "b": "b.png",
    }


def test_a_suffix_is_in_every_name_that_counts():
    names = ("a_out.png", "b.png", "0001x4_out.png", "deep/_out_out.png")
    expected = {"a": "a_out.png", "0001": "0001x4_out.png", "deep/_out": "_out_out.png"}
    assert found(*names, large={"0001"}, suffix="_out") == expected


def test_two_of_one_name():
    with pytest.raises(InputError, match=r"in/1x2\.png and in/1x4\.png have one name"):
        found("1x2.png", "1x4.png", large={"1"})
