"""FLOPs and bytes against what they are by hand."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tools.benchmarks.measuring.counting import Work, counted
from tools.benchmarks.measuring.floors import Peaks, standing


def test_flops_of_a_convolution_and_its_gradients_by_hand() -> None:
    net = nn.Conv2d(3, 8, 3, padding=1)
    x = torch.randn(2, 3, 10, 12, requires_grad=True)
    forward = 2 * (2 * 8 * 10 * 12) * (3 * 3 * 3)  # two for each multiply-add: outputs times products an output
    assert counted(lambda: net(x)).flops == forward
    assert counted(lambda: net(x).sum().backward()).flops == 3 * forward  # the input's gradient and the weight's
    x.requires_grad_(False)
    assert counted(lambda: net(x).sum().backward()).flops == 2 * forward


def test_flops_of_a_transposed_convolution_by_hand() -> None:
    net = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1)
    assert counted(lambda: net(torch.randn(1, 4, 5, 7))).flops == 2 * (4 * 5 * 7) * (6 * 3 * 3)


@pytest.mark.parametrize("inference", [False, True])
def test_flops_are_those_of_torchs_counter(inference: bool) -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.SiLU(), nn.Flatten(), nn.Linear(8 * 36, 5))

    @torch.inference_mode(inference)
    def action() -> None:
        net(torch.zeros(2, 3, 8, 8))

    with FlopCounterMode(display=False) as theirs:
        action()
    assert counted(action).flops == theirs.get_total_flops() > 0


def test_bytes_by_hand() -> None:
    x, y, row = torch.ones(10, 6), torch.ones(10, 6), torch.ones(6)
    whole = 10 * 6 * 4
    assert counted(lambda: x + y).bytes == 3 * whole  # two read, one written
    assert counted(lambda: x.add_(y)).bytes == 3 * whole
    assert counted(lambda: x + row).bytes == 2 * whole + 6 * 4
    assert counted(lambda: x + row.expand(10, 6)).bytes == 2 * whole + 6 * 4  # it is in memory once
    assert counted(lambda: x.view(60)[::2].t()).bytes == 0
    assert counted(lambda: torch.empty(100)).bytes == 0
    assert counted(lambda: x.to(torch.bfloat16)).bytes == whole + whole // 2


def test_bytes_of_operations_on_lists() -> None:
    several = [torch.ones(5), torch.ones(7)]
    assert counted(lambda: torch._foreach_add_(several, 1.0)).bytes == 2 * 12 * 4


def test_each_operation_takes_the_longer_of_its_two() -> None:
    work = Work(((100, 10), (0, 40), (20, 80)))
    assert (work.flops, work.bytes) == (120, 130)
    assert work.seconds(flops_per_second=10, bytes_per_second=20) == 10 + 2 + 4


def test_the_floors_by_hand() -> None:
    work, peaks = Work(((100, 10), (0, 40))), Peaks(flops_per_second=10, bytes_per_second=20)
    by_flops = standing(30, work, 60, peaks)
    assert (by_flops["floor_seconds"], by_flops["ratio_to_floor"]) == (10, 3)
    assert (by_flops["eager_floor_seconds"], by_flops["ratio_to_eager_floor"]) == (12, 2.5)
    by_bytes = standing(30, work, 300, peaks)
    assert (by_bytes["floor_seconds"], by_bytes["ratio_to_floor"]) == (15, 2)
