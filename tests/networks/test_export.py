import pytest
import torch
from torch import nn
from torch.export import Dim, export

from advloss.networks.generators.msrresnet import MSRResNet
from advloss.networks.generators.resnet import ResNetGenerator
from advloss.networks.generators.rrdbnet import RRDBNet
from advloss.networks.generators.srresnet import SRResNet
from advloss.networks.generators.srvgg import SRVGG
from advloss.networks.generators.unet import UNetGenerator


@pytest.mark.parametrize(
    ("network", "multiple"),
    [
        (ResNetGenerator(width=2, blocks=1), 4),
        (ResNetGenerator(width=2, blocks=1, upsample="resize", norm="batch"), 4),
        (ResNetGenerator(width=2, blocks=1, upsample="antialiased", downsample="antialiased"), 4),
        (UNetGenerator(levels=3, width=2, norm="instance"), 8),
        (UNetGenerator(levels=3, width=2, statistics_at_inference="batch"), 8),
        (SRResNet(width=2, blocks=1), 1),
        (MSRResNet(width=2, blocks=1, scale=3), 1),
        (RRDBNet(width=2, blocks=1, growth=1), 1),
        (RRDBNet(width=2, blocks=1, growth=1, scale=2), 2),
        (SRVGG(width=2, convolutions=1), 1),
    ],
)
def test_one_exported_graph_takes_every_size(network: nn.Module, multiple: int) -> None:
    """No check and no layer fixes the size that the graph was made with."""
    network.eval()
    batch, height, width = Dim("batch", min=1, max=16), Dim("height", min=3, max=64), Dim("width", min=3, max=64)
    sizes = {"x": {0: batch, 2: multiple * height, 3: multiple * width}}
    program = export(network, (torch.randn(2, 3, 8 * multiple, 9 * multiple),), dynamic_shapes=sizes).module()
    x = torch.randn(1, 3, 5 * multiple, 4 * multiple)
    with torch.no_grad():
        torch.testing.assert_close(program(x), network(x), rtol=0, atol=1e-6)
