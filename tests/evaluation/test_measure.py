"""A recipe's metrics over images, and the grid of samples."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from advloss.data import Source, open_data
from advloss.evaluation.recipe_metrics import SetMetrics, computable, measured, named_tensors
from advloss.evaluation.sample_grid import GAP, HEADER, enlarged, sample_grid, to_bytes
from advloss.losses import sets
from advloss.losses.metrics import METRICS
from advloss.losses.sets.measures import SET_METRICS
from advloss.methods.pix2pix import Pix2Pix
from advloss.networks.layers.basic import BatchNorm, Dropout
from advloss.recipe.build import BuiltMetric
from advloss.training.validation import at_inference


class Half(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / 2


def item(a: float, b: float) -> dict[str, Tensor]:
    return {"a": torch.full((1, 3, 12, 12), float(a)), "b": torch.full((1, 3, 12, 12), float(b))}


def metrics(**between: list[str]) -> dict[str, BuiltMetric]:
    return {name: BuiltMetric(METRICS["l1"](), sides) for name, sides in between.items()}


def test_the_metrics_of_one_item():
    wanted = metrics(l1=["fake_b", "b"], other=["a", "partner_b"], same=["a", "partner_a"])
    one, other = (measured(Pix2Pix(Half), item(*values), True, wanted).values for values in ((1, 0), (0.5, 1)))
    assert one == pytest.approx({"l1": 0.5, "other": 1, "same": 0})
    assert other == pytest.approx({"l1": 0.75, "other": 0.5, "same": 0})


def test_measures_of_sets_see_a_tensor_once_and_keep_the_order_of_the_items():
    torch.manual_seed(0)
    kid, fid = (BuiltMetric(SET_METRICS[name](), ["fake_b", "b"]) for name in ("kid", "fid"))
    few = BuiltMetric(SET_METRICS["coverage"](k=4), ["fake_b", "b"])
    first = BuiltMetric(SET_METRICS["kid"](most=3), ["fake_b", "b"])
    wanted = {**metrics(l1=["fake_b", "b"]), "kid": kid, "fid": fid, "few": few, "first": first}
    items = [{side: torch.rand(1, 3, 12, 12) * 2 - 1 for side in "ab"} for _ in range(4)]
    made = [measured(Pix2Pix(Half), each, True, wanted) for each in items]
    assert all(list(each.values) == ["l1"] and len(each.seen) == 2 for each in made)
    whole, said = SetMetrics(wanted), []
    for index in (2, 0):
        whole.add(index, made[index].seen)
    other = {key: {index: made[index].seen[key] for index in (3, 1)} for key in made[0].seen}
    whole.join([whole.collected, other])
    found = whole.values(said.append)
    fakes = torch.cat([kid.measure.seen(each["a"] / 2) for each in items])
    reals = torch.cat([kid.measure.seen(each["b"]) for each in items])
    expected = sets.kid(fakes, reals)
    assert found["kid"] == expected.value and found["kid_error"] == expected.error
    assert found["fid"] == sets.fid(fakes, reals).value
    assert found["first"] == sets.kid(fakes[:3], reals[:3]).value
    assert math.isnan(found["few"])
    assert said[0].startswith("metrics.fid: 4 pictures are fewer than the 736 features")
    assert said[1:] == [
        "metrics.few can't be computed: coverage with k = 4 needs at least 5 pictures in each set, and one has 4"
    ]


def test_partners_are_known_on_paired_images_alone():
    wanted = metrics(l1=["fake_b", "b"], one=["fake_b", "partner_b"], two=["partner_a", "a"])
    data = open_data("facades-like", Pix2Pix.fields, size=16, seed=0).train
    assert computable(wanted, data) == wanted
    assert list(computable(wanted, replace(data, aligned=False, sources={**data.sources, "x": Source()}))) == ["l1"]
    method, names = Pix2Pix(Half), ["fake_b", "partner_a", "partner_b"]
    made = named_tensors(method, item(1, 0), True, names)
    assert {name: tensor.mean().item() for name, tensor in made.items()} == {
        "fake_b": 0.5, "partner_a": 1, "partner_b": 0
    }  # fmt: skip
    assert named_tensors(method, item(1, 0), False, names).keys() == {"fake_b"}


class Noisy(nn.Module):
    """A generator with dropout that stays on at inference, and batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = BatchNorm(3, statistics_at_inference="batch")
        self.noise = Dropout(0.5, at_inference=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.noise(self.norm(x)).clamp(-1, 1)


def test_measuring_leaves_no_trace():
    torch.manual_seed(3)
    method = Pix2Pix(Noisy)
    images = {side: torch.rand(1, 3, 12, 12) * 2 - 1 for side in "ab"}
    method(images, {"fake_b"})  # training moves the statistics
    state = {name: value.clone() for name, value in method.state_dict().items()}
    random = torch.get_rng_state()
    with at_inference(method):
        assert not method.training
        one, two = (measured(method, images, True, metrics(l1=["fake_b", "b"])).values for _ in range(2))
    assert method.training
    assert one == two  # the noise is the same every time
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, state[name]) for name, value in method.state_dict().items())
    assert all(parameter.grad is None for parameter in method.parameters())


def test_the_grid_has_a_row_an_item_and_a_column_a_tensor():
    white = torch.ones(1, 3, 100, 120)
    rows = [{"a": value * white, "fake_b": -value * white} for value in (1, 0, -1)]
    grid = sample_grid(rows)
    assert grid.dtype == torch.uint8 and grid.shape == (3, HEADER + 3 * (100 + GAP) + GAP, 2 * (120 + GAP) + GAP)
    top = [HEADER + GAP + row * (100 + GAP) for row in range(3)]
    cells = [[grid[:, y : y + 100, x : x + 120] for x in (GAP, 120 + 2 * GAP)] for y in top]
    assert [[cell.unique().tolist() for cell in line] for line in cells] == [[[255], [0]], [[128], [128]], [[0], [255]]]
    header = grid[:, :HEADER]
    assert (header[:, :, : 120 + GAP] < 128).any() and (header[:, :, 120 + 2 * GAP :] < 128).any()  # the names


def test_unequal_pictures_in_one_grid():
    rows = [{"a": torch.zeros(1, 3, 100, 200)}, {"a": torch.zeros(1, 3, 130, 96)}]
    assert sample_grid(rows).shape == (3, HEADER + 130 + 2 * GAP, 2 * (200 + GAP) + GAP)


def test_small_pictures_are_enlarged_by_whole_factors():
    small = np.arange(2 * 40 * 3, dtype=np.uint8).reshape(2, 40, 3)
    large = enlarged(small)
    assert large.shape == (6, 120, 3)
    np.testing.assert_array_equal(large[1::3, 1::3], small)
    assert enlarged(np.zeros((9, 96, 3), np.uint8)).shape == (9, 96, 3)


def test_bytes_are_rounded_and_clipped():
    image = torch.tensor([-2.0, -1.0, 0.0, 0.999, 5.0]).expand(3, 1, 5)
    assert to_bytes(image)[0, :, 0].tolist() == [0, 0, 128, 255, 255]
