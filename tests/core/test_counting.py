"""Whatever counts its calls in Python is found, and says what its next calls do."""

from torch import nn

from advloss.core.counting import counters
from advloss.losses.adversarial.logit_checks import LogitChecks
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.penalties import R1
from advloss.losses.adversarial.topk import TopK
from advloss.losses.pixel import L1
from advloss.networks.bottlenecks.codebook import Codebook


def test_all_are_found_at_any_depth() -> None:
    parts = nn.ModuleList([AdversarialLoss(nn.Linear(2, 1), penalties=[R1()], top_k=TopK()), L1(), Codebook(4, 2)])
    names = sorted(type(counter).__name__ for counter in counters(parts))
    assert names == ["Codebook", "InputCheck", "LogitChecks", "R1", "TopK"]


def test_a_lazy_penalty_is_due_in_the_first_of_its_interval() -> None:
    penalty = R1(interval=3)
    assert penalty.phase(4) == (True, False, False, True)
    penalty.calls = 2
    assert penalty.phase(2) == (False, True)
    assert R1().phase(2) == (True, True)


def test_a_look_at_the_logits_is_for_python() -> None:
    watch = LogitChecks(every=10)
    found = []
    for watch.calls in range(0, 20, 2):
        found.append(watch.phase(2))
    assert found == [None, 0, 0, 0, None, 0, 0, 0, 0, None]  # the first call, the 10th, the 20th


def test_what_is_annealed_or_not_begun_is_for_python() -> None:
    top_k = TopK(over=2)
    assert top_k.phase(1) is None
    top_k.calls = 2
    assert top_k.phase(1) == 0 and TopK().phase(1) == 0
    assert Codebook(4, 2, kmeans=True).phase(1) is None and Codebook(4, 2).phase(1) == 0
    check = L1().check
    assert check.phase(1) is None
    check.calls = 3
    assert check.phase(1) == 0
