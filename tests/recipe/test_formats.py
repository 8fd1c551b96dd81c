"""What a recipe says of its fields' formats, and recipes from before."""

import pytest

from advloss.data.fields import Fields, Image, Label, Mask, Noise, Vector
from advloss.data.formats import MASK, RGB8, FieldFormat
from advloss.recipe.formats import formats_of, same_formats, with_formats
from advloss.recipe.resolve import complete_recipe, resolve
from advloss.recipe.schema import Data, Recipe
from advloss.recipe.text.source import read

FIELDS: Fields = {
    "a": Image("a"),
    "b": Image("b"),
    "mask": Mask("a"),
    "label": Label("a"),
    "noise": Noise(size=7),
    "vector": Vector("a"),
}


def test_a_recipe_without_formats_means_8_bit_colour() -> None:
    formats = formats_of(Data(), FIELDS)
    assert formats["a"] == formats["b"] == RGB8 and formats["mask"] == MASK
    assert (formats["noise"].size, formats["vector"].size) == (7, 2)
    assert formats["label"].classes == ("0", "1")


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"channels": 1}, FieldFormat(1)),
        ({"channels": {"a": 4, "b": 1}}, FieldFormat(4)),
        ({"channels": {"b": 1}}, FieldFormat(3)),
        ({"depth": 16}, FieldFormat(3, 16, (0, 65535))),
        ({"depth": "16", "range": ["0", "4095"]}, FieldFormat(3, 16, (0, 4095))),
        ({"depth": {"a": "float"}, "range": {"a": (-2, 3)}}, FieldFormat(3, "float", (-2, 3))),
        ({"depth": "float"}, FieldFormat(3, "float", (-1, 1))),
    ],
)
def test_what_is_said_is_taken(said: dict, wanted: FieldFormat) -> None:
    assert formats_of(Data.model_validate(said), FIELDS)["a"] == wanted


@pytest.mark.parametrize("name", ["cyclegan-small", "pix2pix-small", "srresnet-small", "vqgan-small"])
def test_formats_that_were_written_come_back(name: str) -> None:
    recipe = resolve(read(name))
    fields = {field: Image("x") for field in ("a", "b")}
    formats = {"a": FieldFormat(1, 16, (0, 65535)), "b": FieldFormat(5, "float", (-1.5, 2))}
    if name == "vqgan-small":
        fields, formats = {"image": Image("x")}, {"image": formats["a"]}
    written = with_formats(recipe, fields, formats)
    again = complete_recipe(Recipe.model_validate(written.plain()))
    assert formats_of(again.data, fields) == formats and again.plain() == written.plain()
    assert same_formats(recipe, written).plain() == written.plain()


@pytest.mark.parametrize("name", ["cyclegan-small", "pix2pix-small", "srresnet-small", "vqgan-small"])
def test_recipes_from_before_are_read(name: str) -> None:
    plain = resolve(read(name)).plain()
    for option in ("channels", "depth", "range", "classes", "sizes"):
        del plain["data"][option]
    plain["data"] |= {"a": None, "b": None}
    assert complete_recipe(Recipe.model_validate(plain)).data.paths == {}
