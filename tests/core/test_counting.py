"""What CUDA graphs ask of everything that follows a clock."""

from torch import nn

from advloss.core.counting import counters
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.penalties import R1
from advloss.losses.adversarial.topk import TopK
from advloss.losses.pixel import L1
from advloss.networks.bottlenecks.codebook import Codebook


def test_all_clocks_are_found_at_any_depth() -> None:
    parts = nn.ModuleList([AdversarialLoss(nn.Linear(2, 1), penalties=[R1()], top_k=TopK()), L1(), Codebook(4, 2)])
    found = [sorted(type(part).__name__ for part in counter.parts) for counter in counters(parts)]
    assert found == [["AdversarialLoss", "LogitChecks", "R1", "TopK"], ["InputCheck"], ["Codebook"]]


def test_the_phases_of_the_next_calls() -> None:
    (counter,) = counters(R1(interval=3))
    assert counter.phase(2) == (((), True), ((), False))
    counter.calls = 2
    assert counter.phase(2) == (((), False), ((), True))
    (kmeans,) = counters(Codebook(4, 2, kmeans=True))
    assert kmeans.phase(1) is None
