"""The drawn sets: reproducible, partners where they are promised, and a distance worth closing."""

import numpy as np
import pytest

from advloss.data import open_data
from advloss.data.fields import Fields, Image, Label
from advloss.data.synthetic.facades import LABELS
from advloss.data.synthetic.sets import COUNTS, DIGITS, SETS


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("size", [16, 64, 100])
def test_a_picture_depends_on_seed_split_and_index_alone(name: str, size: int) -> None:
    one, other = SETS[name](size, 3), SETS[name](size, 4)
    side = next(iter(one.train.images))
    first = one.train.images[side].read(5)
    assert (first.shape, first.dtype) == ((size, size, 3), np.uint8)
    one.train.images[side].read(6)
    np.testing.assert_array_equal(SETS[name](size, 3).train.images[side].read(5), first)
    for different in (
        other.train.images[side].read(5),
        one.train.images[side].read(6),
        one.splits["test"].images[side].read(5),
    ):
        assert (different != first).any()
    assert {name: len(split) for name, split in one.splits.items()} == (DIGITS if "digits" in name else COUNTS)


def test_the_two_styles_of_digits_show_the_digits_of_the_two_sets() -> None:
    white, coloured, both = (SETS[name](32, 3).train for name in ("digits", "digits-colour", "digits-styles"))
    for side, alone in (("a", white), ("b", coloured)):
        assert both.rows[f"label_{side}"].values.tolist() == alone.rows["label"].values.tolist()
    np.testing.assert_array_equal(both.images["a"].read(7), white.images["image"].read(7))
    sharp, blurred = (both.images[side].read(7).astype(float) for side in "ab")

    def steepest(picture: np.ndarray) -> float:  # over the contrast
        return float(np.abs(np.diff(picture.mean(2), axis=1)).max() / np.ptp(picture.mean(2)))

    assert steepest(blurred) < steepest(sharp) / 1.5
    assert blurred.mean((0, 1)).min() > blurred[0, 0].min() >= 40  # lighter than its ground
    assert set(map(white.images["image"].name, range(10_000))).isdisjoint(
        map(coloured.images["image"].name, range(10_000))
    )
    grey = white.images["image"].read(7)
    assert (grey == grey[..., :1]).all() and (coloured.images["image"].read(7) != grey).any()


def test_the_styles_of_digits_serve_methods_of_one_domain_and_of_two() -> None:
    two: Fields = {"x": Image("x"), "known": Label("x"), "y": Image("y")}
    opened = open_data("digits-styles", two, size=32, seed=0).train
    assert list(opened.sources["x"].rows) == ["known"] and not opened.sources["y"].rows
    styles = SETS["digits-styles"](32, 0).train
    assert opened.rows["known"].values.tolist() == styles.rows["label_a"].values.tolist()
    one = open_data("digits-styles", {"z": Image("z"), "class": Label("z")}, size=32, seed=0).train
    assert len(one) == 20_000 and one.rows["class"].classes == tuple("0123456789")
    wanted = [*styles.rows["label_a"].values, *styles.rows["label_b"].values]
    assert one.rows["class"].values.tolist() == wanted


def test_stripes_partners() -> None:
    data = SETS["stripes"](64, 0)
    assert (data.train.paired, data.splits["val"].paired, data.splits["test"].paired) == (False, True, True)
    pairs = [(data.splits["test"].images["a"].read(i), data.splits["test"].images["b"].read(i)) for i in range(32)]
    untouched = [psnr(a, b) for a, b in pairs]
    assert 12 < np.mean(untouched) < 15
    covered = [(a != b).any(-1).mean() for a, b in pairs]
    assert 0.28 < min(covered) < max(covered) < 0.5  # the animal; the ground is the same
    a, b = (side.name(0) for side in (data.train.images["a"], data.train.images["b"]))
    assert a != b  # no scene is in both sides of train


def test_the_coat_is_a_function_of_what_can_be_seen() -> None:
    """Of the plain coat's colour the stripes follow: a table from one to the other, made on some, serves the others."""
    test = SETS["stripes"](64, 0).splits["test"]
    pairs = [(test.images["a"].read(i), test.images["b"].read(i)) for i in range(40)]
    sums, counts = np.zeros((64**3, 3)), np.zeros(64**3)

    def key(a: np.ndarray) -> np.ndarray:
        small = (a // 4).astype(int)
        return small[..., 0] * 4096 + small[..., 1] * 64 + small[..., 2]

    for a, b in pairs[:30]:
        np.add.at(sums, key(a).ravel(), b.reshape(-1, 3).astype(float))
        np.add.at(counts, key(a).ravel(), 1)
    table = sums / np.maximum(counts, 1)[:, None]

    def translated(a: np.ndarray) -> np.ndarray:
        return np.where(counts[key(a)][..., None] > 0, table[key(a)], a)  # a colour never met stays

    gain = [psnr(translated(a), b) - psnr(a, b) for a, b in pairs[30:]]
    assert np.mean(gain) > 4


def test_facades_like_labels_are_flat_and_lie_on_the_picture() -> None:
    train = SETS["facades-like"](128, 0).train
    assert train.paired
    labels, house = train.images["a"].read(0), train.images["b"].read(0)
    assert {tuple(colour) for colour in labels.reshape(-1, 3)} <= {tuple(colour) for colour in LABELS.values()}
    means = {name: house[(labels == colour).all(-1)].mean(0) for name, colour in LABELS.items() if name != "balcony"}
    assert means["sky"][2] > means["sky"][0]  # blue
    assert means["wall"][0] > means["wall"][2]  # brick
    assert means["door"].sum() < means["wall"].sum()
