"""Feature matching, top-k training, and the checks of the logits."""

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn, tensor

from advloss.core.clock import Schedule
from advloss.core.errors import InputError, TrainingError
from advloss.losses.adversarial.augmentations import DiffAugment
from advloss.losses.adversarial.logit_checks import LogitChecks
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.objectives import EBGAN, LSGAN, RpGAN
from advloss.losses.adversarial.stabilisers.feature_matching import feature_matching
from advloss.losses.adversarial.stabilisers.topk import TopK
from tests.losses.discriminators import Spy, constant, patches


class Layers(nn.Module):
    """Gives its two layers' outputs, w x and w^2 x, on request; counts its passes."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(tensor(2.0))
        self.passes: list[bool] = []

    def forward(self, x: Tensor, features: bool = False) -> Any:
        self.passes.append(features)
        maps = [self.factor * x, self.factor**2 * x]
        logits = maps[-1].flatten(1).mean(1)
        return (logits, maps) if features else logits


class Sorry(nn.Module):
    def forward(self, x: Tensor, **options: Any) -> Tensor:
        return x.mean((1, 2, 3))


def test_feature_matching_by_hand() -> None:
    """|2 (0.25 - 0.75)| = 1 and |4 (0.25 - 0.75)| = 2, so a mean of 1.5; the logit of the fake is 1."""
    layers = Layers()
    adv = AdversarialLoss(layers, "hinge", feature_matching=10.0)
    fake, real = constant(0.25).requires_grad_(), constant(0.75).requires_grad_()
    loss = adv(fake, real)
    assert loss.item() == pytest.approx(-1 + 10 * 1.5)
    assert layers.passes == [True, True]  # features from the passes there are
    loss.backward()
    assert real.grad is None and layers.factor.grad is None and fake.grad is not None
    torch.testing.assert_close(fake.grad, torch.full_like(fake, (-4 - 10 * (2 + 4) / 2) / fake.numel()))
    layers.passes.clear()
    assert adv.discriminator_loss(fake, real).item() == pytest.approx(0 + 2)
    assert layers.passes == [False, False]


def test_without_its_weight_no_features_and_no_real_pass() -> None:
    layers = Layers()
    AdversarialLoss(layers)(constant(0.25), constant(0.75))
    assert layers.passes == [False]


def test_feature_matching_with_an_objective_that_needs_the_real_pass_too() -> None:
    layers = Layers()
    adv = AdversarialLoss(layers, RpGAN(over="lsgan"), feature_matching=1.0)
    assert adv(constant(0.25), constant(0.75)).item() == pytest.approx((1 - 3 - 1) ** 2 + 1.5)
    assert layers.passes == [True, True]


def test_feature_matching_compares_images_changed_alike() -> None:
    image = torch.rand(3, 3, 16, 16)
    adv = AdversarialLoss(Layers(), "wasserstein", feature_matching=1.0, augment=[DiffAugment()])
    plain = AdversarialLoss(adv.discriminator, "wasserstein", augment=[DiffAugment()])
    values = []
    for each in (adv, plain):
        torch.manual_seed(0)
        values.append(each(image, image).item())
    assert values[0] == values[1]  # the distance of an image from itself is 0


def test_feature_maps_in_lists_of_lists_and_low_precision() -> None:
    one, two = torch.zeros(2, 3, dtype=torch.bfloat16), torch.ones(2, 3, dtype=torch.bfloat16)
    loss = feature_matching([[one, one], [one]], ([two, one], [two]))
    assert loss.item() == pytest.approx(2 / 3) and loss.dtype == torch.float32
    fake = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: feature_matching([x, x * x], [two.double(), one.double()]), (fake,))


def test_bad_features() -> None:
    with pytest.raises(InputError, match=r"Sequential\.forward takes no `features`"):
        AdversarialLoss(patches(), feature_matching=1.0)
    with pytest.raises(InputError, match=r"Sequential\.forward takes no `features`"):
        AdversarialLoss(torch.compile(patches(), backend="eager"), feature_matching=1.0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"returns \(logits, \[maps\]\); this one returned Tensor"):
        AdversarialLoss(Sorry(), feature_matching=1.0)(constant(0.25), constant(0.5))
    with pytest.raises(InputError, match=r"feature matching compares fake with real: call adv\(fake, real\)"):
        AdversarialLoss(Layers(), feature_matching=1.0)(constant(0.25))
    with pytest.raises(InputError, match="feature_matching=-1"):
        AdversarialLoss(Layers(), feature_matching=-1)
    for maps in ([], "maps", [[]]):
        with pytest.raises(InputError, match="not tensors"):
            feature_matching(maps, maps)
    with pytest.raises(InputError, match="differ in number or shape"):
        feature_matching([torch.zeros(2)], [torch.zeros(3)])


def test_top_k_by_hand() -> None:
    """Of -1, 2, 0, 3 half are 2 and 3: hinge gives -2.5, and only these have a gradient."""
    logits = tensor([-1.0, 2.0, 0.0, 3.0], requires_grad=True)
    adv = AdversarialLoss(nn.Identity(), "hinge", top_k=TopK(0.5))
    loss = adv(logits)
    assert loss.item() == pytest.approx(-2.5)
    loss.backward()
    assert logits.grad is not None and logits.grad.tolist() == [0, -0.5, 0, -0.5]
    adv.eval()
    assert adv(logits).item() == pytest.approx(-1.0)


def test_top_k_of_patches_scales_energies_and_pairs() -> None:
    top = TopK(0.25)
    fakes, none = top([torch.arange(8.0).reshape(2, 1, 2, 2), tensor([5.0, 1.0])])
    assert none is None
    assert [sorted(scale.tolist()) for scale in fakes] == [[6, 7], [5]]
    lowest, _ = top([torch.arange(8.0)], lowest=True)
    assert sorted(lowest[0].tolist()) == [0, 1]
    assert AdversarialLoss(nn.Identity(), EBGAN(), top_k=top)(tensor([4.0, 1.0, 2.0, 3.0])).item() == 1
    fake, real = tensor([1.0, 4.0, 2.0, 3.0]), tensor([0.0, 7.0, 0.0, 0.0])
    paired = AdversarialLoss(nn.Identity(), RpGAN("lsgan"), top_k=top)(fake, real)
    assert paired.item() == (4 - 7 - 1) ** 2


def test_top_k_is_annealed_by_a_schedule_and_goes_on_after_a_resume() -> None:
    annealed = Schedule(1, 0.5, over=5)
    top = TopK(annealed)
    counts = [top([torch.randn(10)])[0][0].numel() for _ in range(3)]
    resumed = TopK(annealed)
    resumed.load_state_dict(top.state_dict())
    rests = [[each([torch.randn(10)])[0][0].numel() for _ in range(4)] for each in (top, resumed)]
    assert counts == [10, 9, 8]
    assert rests[0] == rests[1] == [7, 6, 5, 5]
    for wrong in ({"fraction": 0.0}, {"fraction": 1.1}, {"fraction": Schedule(1, 0, over=5)}):
        with pytest.raises(InputError):
            TopK(**wrong)  # type: ignore[arg-type]
    assert TopK(0.1)([torch.randn(1)])[0][0].numel() == 1  # at least one


def test_logits_of_too_few_iterations_are_warned_of_by_no_resumed_training() -> None:
    """Begun in the middle of an interval of 5, it waits for a whole one, of iterations 5 to 9."""
    checks, warned = LogitChecks(every=5), []
    checks.clock.iteration = 3
    for iteration in range(3, 10):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            checks([torch.linspace(0.2, 0.9, 4)])
        warned += [iteration] if caught else []
    assert warned == [9]


def test_a_sigmoid_at_the_end_is_warned_of_once() -> None:
    adv = AdversarialLoss(nn.Sequential(patches(), nn.Sigmoid()), "lsgan")
    adv.logit_checks = LogitChecks(every=5)
    fake, real = torch.randn(2, 2, 3, 12, 12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            adv.discriminator_loss(fake, real)
    with pytest.warns(UserWarning, match="until iteration 5 all .* between 0.*: does it end in a sigmoid") as record:
        for _ in range(20):
            adv.discriminator_loss(fake, real)
    assert len(record) == 1 and record[0].filename == __file__


@pytest.mark.parametrize("autocast", [False, True])
def test_a_sigmoid_that_is_sure_is_warned_of_too(autocast: bool) -> None:
    """sigmoid(20) is 1 in float32 and in bfloat16, and sigmoid(-200) is 0."""
    sure = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Sigmoid())
    nn.init.constant_(sure[0].weight, 20.0)
    adv = AdversarialLoss(sure)
    adv.logit_checks = LogitChecks(every=2)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        assert sure(tensor([[1.0], [-10.0]])).flatten().tolist() == [1, 0]
        with pytest.warns(UserWarning, match="between 0 and 1: does it end in a sigmoid"):
            for low in (-1.0, -10.0):
                adv.discriminator_loss(tensor([[low]]), tensor([[1.0]]))


@pytest.mark.parametrize(
    ("objective", "logits"), [(LSGAN(), (0.5, -0.1)), (LSGAN(), (0.5, 1.2)), (EBGAN(), (0.5, 0.6))]
)
def test_no_warning_for_logits_that_leave_0_to_1_and_for_energies(objective: Any, logits: tuple[float, float]) -> None:
    adv = AdversarialLoss(Spy(), objective)
    adv.logit_checks = LogitChecks(every=3, energies=objective.energy)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value in (logits[0], logits[1], logits[0], *logits, *logits):
            adv.discriminator_loss(constant(0.25), constant(value / 2))


def test_nan_logits_are_an_error_at_the_first_call_and_at_every_look() -> None:
    bad = constant(0.25)
    bad[0, 0, 0, 0] = float("nan")
    with pytest.raises(TrainingError, match=r"logits are NaN \(seen in iteration 1"):
        AdversarialLoss(patches()).discriminator_loss(
            torch.full((1, 3, 12, 12), float("nan")), torch.ones(1, 3, 12, 12)
        )
    adv = AdversarialLoss(Spy())
    adv.logit_checks = LogitChecks(every=5)
    for image in (constant(0.25), bad, constant(0.25), constant(0.25)):
        adv.discriminator_loss(image, constant(0.75))
    with pytest.raises(TrainingError, match=r"NaN \(seen in iteration 5; it is looked for every 5\)"):
        adv.discriminator_loss(constant(0.25), constant(0.75))


def test_logit_checks_look_rarely_and_only_in_training(monkeypatch: pytest.MonkeyPatch) -> None:
    adv, looks = AdversarialLoss(Spy()), []
    monkeypatch.setattr(LogitChecks, "_look", lambda self, *_: looks.append(self.clock.iteration + 1))
    for _ in range(401):
        adv.discriminator_loss(constant(0.25), constant(0.75))
    adv.eval()
    adv.discriminator_loss(constant(float("nan")), constant(0.75))
    assert looks == [1, 200, 400]
