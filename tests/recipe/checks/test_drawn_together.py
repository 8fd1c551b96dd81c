"""What is drawn together can be compared image by image; what is drawn apart can't."""

import pytest

from advloss.methods.base import Method
from advloss.methods.cyclegan import CycleGAN
from advloss.methods.pix2pix import Pix2Pix
from advloss.methods.super_resolution import SuperResolution
from advloss.methods.tokenizer import Tokenizer
from advloss.recipe.checks.partners import drawn_together, why_no_partners


class Mixed(CycleGAN):
    follows = {"a": "a", "b": "b", "both": ("a", "b")}


@pytest.mark.parametrize(
    ("method", "x", "y", "together"),
    [
        (CycleGAN, "fake_b", "b", False),
        (CycleGAN, "cycle_a", "a", True),
        (CycleGAN, "same_b", "b", True),
        (CycleGAN, "fake_b", "a", True),
        (Pix2Pix, "fake_b", "b", True),
        (SuperResolution, "sr", "hr", True),
        (Tokenizer, "reconstruction", "image", True),
        (Tokenizer, "bottleneck", "image", None),
        (Mixed, "both", "b", True),
        (Mixed, "a", "b", False),
        (Mixed, "a", "fake_b", None),
    ],
)
def test_what_belongs_together(method: type[Method], x: str, y: str, together: bool | None) -> None:
    assert drawn_together(method, x, y) is together is drawn_together(method, y, x)
    assert (why_no_partners(method, x, y) is None) == (together is not False)


def test_the_sentence_names_tensors_that_serve() -> None:
    assert why_no_partners(CycleGAN, "fake_b", "b") == (
        "fake_b follows from 'a' and b from 'b', which are drawn apart: image i of one is no partner of image i of the "
        "other, so to compare or to join them means nothing; compare fake_b with one of a, cycle_a, same_a"
    )


@pytest.mark.parametrize("method", [CycleGAN, Pix2Pix, SuperResolution, Tokenizer])
def test_what_a_method_says_of_itself_holds_together(method: type[Method]) -> None:
    fields = method.declared_fields({"scale": 2})
    assert {*method.follows} <= {*method.tensors}
    assert {*method.follows.values()} <= {field.source for field in fields.values()}
