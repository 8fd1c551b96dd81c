"""A network is told what follows from the fields that it takes and gives, and no more than its signature asks for."""

from typing import Any

import pytest
from torch import nn

from advloss.core.errors import InputError
from advloss.data.fields import Fields, Image, Label, Mask, Noise, Vector
from advloss.data.formats import MASK, FieldFormat
from advloss.methods.base import NetworkFactory
from advloss.recipe.signatures import make

FIELDS: Fields = {
    "noise": Noise(size=7),
    "a": Image("a"),
    "mask": Mask("a"),
    "label": Label("a"),
    "vector": Vector("v"),
    "b": Image("b"),
}
FORMATS = {
    "noise": FieldFormat(size=7),
    "a": FieldFormat(channels=1),
    "mask": MASK,
    "label": FieldFormat(classes=("x", "y", "z")),
    "vector": FieldFormat(size=5),
    "b": FieldFormat(channels=4),
}


class Told(nn.Module):
    """Keeps what it is told."""

    def __init__(self, in_channels: int = 0, out_channels: int = 0, width: int = 1) -> None:
        super().__init__()
        self.told = (in_channels, out_channels, width)


class AllTold(nn.Module):
    def __init__(self, in_features: int, classes: int, size: int, scale: int) -> None:
        super().__init__()
        self.told = (in_features, classes, size, scale)


def made(cls: type[nn.Module], *names: str, **wired: Any) -> Any:
    parameters = {"width": 3} if cls is Told else {}
    factory = NetworkFactory(lambda **wired: make(cls, parameters, wired=wired), FIELDS, FORMATS, crop=64, scale=2)
    return factory(*names, **wired).told


@pytest.mark.parametrize(
    ("names", "wired", "told"),
    [
        ((), {}, (1, 4, 3)),
        (("b", "a"), {}, (4, 1, 3)),
        (("noise", "a"), {}, (7, 1, 3)),
        (("vector", "mask"), {}, (5, 1, 3)),
        ((), {"in_channels": 9}, (9, 4, 3)),
    ],
)
def test_channels_follow_from_the_fields(names: tuple[str, ...], wired: dict[str, int], told: tuple) -> None:
    assert made(Told, *names, **wired) == told


def test_what_else_a_signature_asks_for() -> None:
    assert made(AllTold, "noise") == (7, 3, 64, 2)


def test_a_field_that_is_none() -> None:
    with pytest.raises(InputError, match=r"networks: unknown field 'c'"):
        made(Told, "c")
