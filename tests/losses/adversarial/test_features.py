"""Features of the discriminator in the generator's loss: means over the batch, and codes that are held apart."""

import pytest
import torch
from torch import Tensor, nn, tensor

from advloss.core.errors import InputError
from advloss.losses.adversarial import AdversarialLoss
from advloss.losses.adversarial.objectives import EBGAN
from advloss.losses.adversarial.stabilisers.feature_matching import mean_matching
from advloss.losses.adversarial.stabilisers.pulling_away import pulling_away
from advloss.losses.adversarial.stabilisers.topk import TopK
from advloss.networks.discriminators.autoencoder import AutoencoderDiscriminator
from tests.losses.discriminators import Featured


class Doubled(nn.Module):
    """Logits 3 w x of features [w x, 2 w x], w = 1: [B, 1] -> [B, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, features: bool = False) -> Tensor | tuple[Tensor, list[Tensor]]:
        x = self.w * x
        return (3 * x, [x, 2 * x]) if features else 3 * x


def test_mean_matching_is_the_squared_distance_of_the_means() -> None:
    fake, real = tensor([[0.0, 1.0], [2.0, 3.0]]), tensor([[5.0, 0.0], [1.0, 2.0], [0.0, 4.0]])
    assert mean_matching(fake, real).item() == pytest.approx((1 - 2) ** 2 + (2 - 2) ** 2)


def test_it_is_the_generator_s_whole_loss_of_the_last_layer() -> None:
    """Means 2 and 5 of the last features: 2 * (2 - 5)^2, whatever the objective's own loss is."""
    fake, real = tensor([[0.5], [1.5]]).requires_grad_(), tensor([[2.0], [3.0]]).requires_grad_()
    for objective in ("hinge", "minimax", "rpgan"):
        adv = AdversarialLoss(Doubled(), objective, feature_matching=2.0, matching="means")
        loss = adv(fake, real)
        assert loss.item() == pytest.approx(18.0)
        gradient, of_real = torch.autograd.grad(loss, [fake, real], allow_unused=True)
        assert gradient.tolist() == [[pytest.approx(2 * 2 * -3.0)], [pytest.approx(2 * 2 * -3.0)]]
        assert of_real is None
    assert AdversarialLoss(Doubled(), feature_matching=2.0)(fake, real).item() != pytest.approx(18.0)


def test_the_order_of_the_batch_does_not_matter_to_means() -> None:
    torch.manual_seed(0)
    adv = AdversarialLoss(Featured(), feature_matching=1.0, matching="means")
    fake, real = torch.rand(2, 4, 3, 8, 8)
    torch.testing.assert_close(adv(fake, real), adv(fake, real.flip(0)))


def test_what_means_is_refused_with() -> None:
    with pytest.raises(InputError, match="say feature_matching=1"):
        AdversarialLoss(Doubled(), matching="means")
    with pytest.raises(InputError, match="unknown matching 'mean'"):
        AdversarialLoss(Doubled(), feature_matching=1.0, matching="mean")
    for option in ({"symmetric": True}, {"top_k": TopK()}):
        with pytest.raises(InputError, match="which matching=means replaces"):
            AdversarialLoss(Doubled(), feature_matching=1.0, matching="means", **option)


def test_pulling_away_is_the_mean_squared_cosine_of_pairs() -> None:
    """cos of (1, 0) and (3, 4) is 3/5, of (1, 0) and (0, -2) 0, of (3, 4) and (0, -2) -4/5."""
    codes = tensor([[1.0, 0.0], [3.0, 4.0], [0.0, -2.0]])
    assert pulling_away(codes).item() == pytest.approx((0.36 + 0 + 0.64) / 3)
    assert pulling_away(7 * codes.view(3, 2, 1, 1)).item() == pytest.approx(1 / 3)
    assert pulling_away(codes[:1]).item() == 0
    assert pulling_away(codes[:1].repeat(5, 1)).item() == pytest.approx(1)


def test_it_is_of_the_fakes_codes_in_the_generator_s_loss_alone() -> None:
    torch.manual_seed(0)
    d = AutoencoderDiscriminator(1, width=2, layers=2, norm="none")
    with_it, without = AdversarialLoss(d, EBGAN(), pulling_away=0.1), AdversarialLoss(d, EBGAN())
    fake, real = torch.rand(2, 4, 1, 8, 8)
    code = d.body[1](d.body[0](fake))  # two layers lead to the code
    expected = without(fake, real) + 0.1 * pulling_away(code)
    torch.testing.assert_close(with_it(fake, real), expected)
    torch.testing.assert_close(with_it.discriminator_loss(fake, real), without.discriminator_loss(fake, real))
    with pytest.raises(InputError, match="use the discriminator autoencoder"):
        AdversarialLoss(Featured(), pulling_away=0.1)
