"""What a network needs, counted without computing, against hand counts and the process's own memory."""

import subprocess
import sys

import torch
from torch import Tensor, nn

from advloss.inference.tiles.peak_memory import budget, peak_bytes
from advloss.networks.generators.msrresnet import MSRResNet
from tests.inference.networks import MOST_RESIDENT

FLOAT = 4


def test_input_and_output_of_one_layer():
    assert peak_bytes(nn.Conv2d(3, 8, 3, padding=1), 10, 20) == (3 + 8) * 10 * 20 * FLOAT


def test_what_is_no_longer_needed_is_not_counted():
    deep = nn.Sequential(*[nn.Conv2d(3, 3, 3, padding=1) for _ in range(9)])
    assert peak_bytes(deep, 16, 16) == 3 * 3 * 16 * 16 * FLOAT  # the image, a layer's input and its output


def test_skips_and_views():
    class Skip(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            doubled = x * 2
            view = doubled.view(-1)
            return torch.cat([x.view(-1), view, (x + 1).view(-1)])

    assert peak_bytes(Skip(), 4, 4) == 3 * 4 * 4 * FLOAT * 6  # three parts and their concatenation, which is as large


def test_a_network_that_can_not_run_without_values_runs_small():
    class Asks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 2 if x.sum().item() >= 0 else x

    expected = 2 * 3 * 640 * 640 * FLOAT
    assert expected <= peak_bytes(Asks(), 640, 640) <= 1.01 * expected


REAL = f"""{MOST_RESIDENT}
import psutil, torch
from advloss.networks.generators.msrresnet import MSRResNet

network, image = MSRResNet(blocks=1), torch.zeros(1, 3, 224, 224)
image = image.contiguous(memory_format=torch.channels_last)
torch.set_num_threads(1)
with torch.inference_mode():
    network(image[..., :16, :16])
    before = psutil.Process().memory_info().rss
    network(image)
print(most_resident() - before)
"""


def test_the_count_is_what_the_process_takes():
    done = subprocess.run([sys.executable, "-c", REAL], capture_output=True, text=True, check=True)
    counted = peak_bytes(MSRResNet(blocks=1), 224, 224)
    assert 1 / 1.5 < int(done.stdout) / counted < 1.5


def test_the_cpu_s_budget_is_bounded():
    assert 0 < budget(torch.device("cpu")) <= 4 << 30
