"""Energies of an autoencoder: what they are, and that ebgan learns with them."""

import pytest
import torch

from advloss.core.errors import InputError
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.networks.discriminators.autoencoder import AutoencoderDiscriminator
from advloss.networks.discriminators.patchgan import PatchGAN


@pytest.mark.parametrize("side", [8, 11])
def test_the_energy_is_the_mean_squared_error_of_each_image(side: int) -> None:
    network = AutoencoderDiscriminator(width=2, layers=2, norm="none").double()
    with torch.no_grad():
        network.last.weight.zero_()
        network.last.bias.fill_(0.5)  # every image is reconstructed as 0.5
    x = torch.rand(3, 3, side, side + 2, dtype=torch.float64)
    torch.testing.assert_close(network(x), (x - 0.5).square().mean((1, 2, 3))[:, None])


def test_the_layers() -> None:
    network = AutoencoderDiscriminator(in_channels=4, width=4, layers=3, norm="instance")
    energy, maps = network(torch.rand(2, 4, 16, 16), features=True)
    assert energy.shape == (2, 1) and (energy >= 0).all()
    assert [tuple(each.shape[1:]) for each in maps] == [(4, 8, 8), (8, 4, 4), (16, 2, 2), (8, 4, 4), (4, 8, 8)]
    assert AutoencoderDiscriminator(width=2, layers=1)(torch.rand(1, 3, 2, 2)).shape == (1, 1)


def test_real_images_come_to_have_less_energy_than_fakes() -> None:
    torch.manual_seed(0)
    adv = AdversarialLoss(AutoencoderDiscriminator(width=4, layers=1, norm="none"), "ebgan")
    optimizer = torch.optim.Adam(adv.discriminator.parameters(), 0.01)
    fake, real = torch.rand(8, 3, 8, 8) * 2 - 1, torch.linspace(-1, 1, 8).expand(8, 3, 8, 8)
    for _ in range(100):
        optimizer.zero_grad()
        adv.discriminator_loss(fake, real).backward()
        optimizer.step()
    assert adv.discriminator(real).mean() < 0.1 < 0.5 < adv.discriminator(fake).mean()


def test_energies_and_logits_do_not_mix() -> None:
    energies = AutoencoderDiscriminator(width=2, layers=1)
    for objective in ("hinge", "rpgan", "wasserstein"):
        with pytest.raises(InputError, match=r"gives energies, .* takes logits: use the objective ebgan"):
            AdversarialLoss(energies, objective)
    with pytest.raises(InputError, match="gives energies"):
        AdversarialLoss(torch.compile(energies, backend="eager"), "hinge")  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match="PatchGAN does not declare that it gives such") as record:
        AdversarialLoss(PatchGAN(width=2, layers=1), "ebgan")
    assert record[0].filename == __file__


def test_wrong_parameters_and_images_are_named() -> None:
    for name in ("in_channels", "width", "layers"):
        with pytest.raises(InputError, match=f"{name}=0 must be at least 1|{name}=0 must be above 0"):
            AutoencoderDiscriminator(**{name: 0})
    with pytest.raises(InputError, match="each side must be at least 8"):
        AutoencoderDiscriminator(width=2)(torch.rand(1, 3, 8, 7))
