"""Bottlenecks without a codebook of nearest vectors: FSQ, LFQ, Gumbel, KL."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from advloss.core.errors import InputError
from advloss.networks.bottlenecks import FSQ, KL, LFQ, Gumbel
from advloss.networks.bottlenecks.fsq import RECOMMENDED


@pytest.mark.parametrize("levels", [[8, 5, 5, 5], [8, 6, 5], [3], [2, 4, 7]])
def test_fsq_there_and_back_over_the_whole_codebook(levels: list[int]) -> None:
    fsq = FSQ(levels)
    assert fsq.codes == math.prod(levels) and fsq.channels == len(levels)
    all_of_them = torch.arange(fsq.codes).view(1, 1, -1)
    codes = fsq.decode(all_of_them)  # [1, D, 1, codes]
    grid = [[(i - n // 2) / (n // 2) for i in range(n)] for n in levels]
    want = [list(reversed(point)) for point in itertools.product(*reversed(grid))]  # the first channel changes fastest
    torch.testing.assert_close(codes[0, :, 0].T, torch.tensor(want))
    inside = codes * torch.tensor([n // 2 for n in levels]).view(1, -1, 1, 1)  # undo the bounding: atanh, mid-cell
    half = (torch.tensor(levels) - 1).view(1, -1, 1, 1) * 0.999 / 2
    offset = torch.where(torch.tensor(levels).view(1, -1, 1, 1) % 2 == 1, 0.0, 0.5)
    latent = ((inside + offset) / half).clamp(-0.9999, 0.9999).atanh() - (offset / half).tan()
    out = fsq(latent)
    assert torch.equal(out.indices, all_of_them) and torch.equal(out.latent, codes)
    assert out.losses == {}


def test_fsq_by_hand() -> None:
    """5 levels: round(1.998 tanh(z)) / 2. 4 levels: round(1.4985 tanh(z + tan(0.5 / 1.4985)) - 0.5) / 2."""
    z = torch.tensor([[-9.0, -0.4, 0.2, 9.0], [-9.0, -0.4, 0.3, 9.0]]).view(1, 2, 1, 4).requires_grad_()
    out = FSQ([5, 4])(z)
    five = [round(1.998 * math.tanh(x)) / 2 for x in (-9.0, -0.4, 0.2, 9.0)]
    four = [round(1.4985 * math.tanh(x + math.tan(0.5 / 1.4985)) - 0.5) / 2 for x in (-9.0, -0.4, 0.3, 9.0)]
    assert five == [-1, -0.5, 0, 1] and four == [-1, -0.5, 0, 0.5]
    assert out.latent.flatten().tolist() == five + four
    assert out.indices.flatten().tolist() == [0 + 5 * 0, 1 + 5 * 1, 2 + 5 * 2, 4 + 5 * 3]
    out.latent[0, 0].sum().backward()
    torch.testing.assert_close(z.grad[0, 0], 1.998 * (1 - z[0, 0].tanh().square()).detach() / 2)


def test_fsq_s_sizes() -> None:
    for size, levels in RECOMMENDED.items():
        assert FSQ(levels, codes=size).codes == size
    with pytest.raises(InputError, match=r"make 1000 codes, not codes=1024; .* \[8, 5, 5, 5\], which make 1000"):
        FSQ([8, 5, 5, 5], codes=1024)
    with pytest.raises(InputError, match=r"not codes=65536; .* \[8, 8, 8, 5, 5, 5\]"):
        FSQ(codes=65536)
    with pytest.raises(InputError, match="take 4 channels, not channels=256"):
        FSQ(channels=256)
    with pytest.raises(InputError, match="at least 2"):
        FSQ([5, 1])
    with pytest.raises(InputError, match="at most"):
        FSQ([1000] * 4)


@pytest.mark.parametrize("codes", [2, 16, 2**10])
def test_lfq_there_and_back_over_the_whole_codebook(codes: int) -> None:
    lfq = LFQ(codes)
    all_of_them = torch.arange(codes).view(1, 1, -1)
    signs = lfq.decode(all_of_them)
    assert signs.shape == (1, int(math.log2(codes)), 1, codes)
    for index in range(0, codes, 7):
        assert signs[0, :, 0, index].tolist() == [1 if index >> bit & 1 else -1 for bit in range(lfq.channels)]
    out = lfq(signs * torch.rand_like(signs).clamp(min=0.01))
    assert torch.equal(out.indices, all_of_them) and torch.equal(out.latent, signs)
    assert lfq(torch.zeros(1, lfq.channels, 1, 1)).indices.item() == 0


def test_lfq_s_losses_by_the_definition_over_all_codes() -> None:
    z = (torch.randn(2, 6, 4, 4) * 0.2).requires_grad_()
    lfq = LFQ(64, entropy=0.3, diversity=0.7, beta=0.5, temperature=0.4)
    losses = lfq(z).losses
    codes = lfq.decode(torch.arange(64).view(1, 1, -1))[0, :, 0].T  # [64, 6]
    vectors = z.movedim(1, -1).reshape(-1, 6)
    p = (-(vectors[:, None] - codes).square().sum(-1) / 0.4).softmax(1)  # [N, 64]
    each, batch = torch.special.entr(p).sum(1).mean(), torch.special.entr(p.mean(0)).sum()
    want = 0.3 * (each - 0.7 * batch)
    torch.testing.assert_close(losses["entropy"], want)
    torch.testing.assert_close(losses["commitment"], 0.5 * (z.abs() - 1).square().mean())
    ours = torch.autograd.grad(losses["entropy"], z)[0]
    torch.testing.assert_close(ours, torch.autograd.grad(want, z)[0])

    groups = LFQ(64, entropy=1.0, beta=0.0, temperature=0.4, together=4)  # bits 0 to 3, and 4 and 5
    of_groups = p.mean(0).view(4, 16)
    upper = torch.special.entr(of_groups.sum(0)).sum() + torch.special.entr(of_groups.sum(1)).sum()
    torch.testing.assert_close(groups(z).losses["entropy"], each - upper)
    assert upper > batch


def test_lfq_s_entropies_stay_finite_where_every_bit_is_sure() -> None:
    z = (torch.randn(2, 18, 4, 4) * 50).requires_grad_()
    loss = LFQ(2**18)(z).losses["entropy"]
    loss.backward()
    assert loss.isfinite() and z.grad.isfinite().all()
    apart = LFQ(4, entropy=1.0)(torch.tensor([[-9.0, 9, -9, 9], [-9, -9, 9, 9]]).view(1, 2, 2, 2)).losses["entropy"]
    assert apart == pytest.approx(-math.log(4))  # sure of each, all four used


def test_lfq_s_sizes() -> None:
    with pytest.raises(InputError, match="codes=1000; it must be a power of 2, such as 512"):
        LFQ(1000)
    with pytest.raises(InputError, match="codes=16 take 4 channels, not channels=8"):
        LFQ(16, channels=8)
    with pytest.raises(InputError, match="entropy=-1"):
        LFQ(16, entropy=-1)


def test_gumbel_at_inference_takes_the_largest_logit() -> None:
    gumbel, z = Gumbel(5, 12).eval(), torch.randn(2, 5, 3, 3)
    logits = F.conv2d(z, gumbel.projection.weight[:, :, None, None], gumbel.projection.bias)
    out = gumbel(z)
    assert torch.equal(out.indices, logits.argmax(1)) and torch.equal(gumbel(z).indices, out.indices)
    q = logits.softmax(1)
    want = 5e-4 * (math.log(12) - torch.special.entr(q).sum(1).mean())
    torch.testing.assert_close(out.losses["kl"], want)


def test_gumbel_samples_the_distribution_in_training() -> None:
    gumbel = Gumbel(1, 3).train()
    with torch.no_grad():
        gumbel.projection.weight.zero_()
        gumbel.projection.bias.copy_(torch.tensor([0.5, 0.3, 0.2]).log())
    torch.manual_seed(3)
    counts = gumbel(torch.zeros(1, 1, 200, 200)).indices.flatten().bincount(minlength=3)
    torch.testing.assert_close(counts / 40000, torch.tensor([0.5, 0.3, 0.2]), rtol=0, atol=0.01)


def test_gumbel_s_gradient_is_torch_s_hard_gumbel_softmax_s() -> None:
    gumbel, z = Gumbel(5, 12, temperature=0.7).train(), torch.randn(2, 5, 3, 3)
    weight = torch.randn(2, 5, 3, 3)
    torch.manual_seed(1)
    (gumbel(z).latent * weight).sum().backward()
    ours = {name: parameter.grad.clone() for name, parameter in gumbel.named_parameters()}
    gumbel.zero_grad()
    torch.manual_seed(1)
    logits = gumbel.projection(z.movedim(1, -1).flatten(0, -2))
    hard = F.gumbel_softmax(logits, tau=0.7, hard=True)  # [N, 12]
    ((hard @ gumbel.weight) * weight.movedim(1, -1).flatten(0, -2)).sum().backward()
    for name, parameter in gumbel.named_parameters():
        torch.testing.assert_close(ours[name], parameter.grad, rtol=1e-4, atol=1e-5)


def test_kl_by_hand_and_by_torch_s_distributions() -> None:
    """Mean 1 and variance 4 for one of two values, 0 and 1 for the other: (1 + 4 - 1 - log 4) / 2."""
    z = torch.tensor([1.0, 0, math.log(4), 0]).view(1, 4, 1, 1)
    assert KL(2)(z).losses["kl"] == pytest.approx((4 - math.log(4)) / 2)
    z = torch.randn(3, 4, 2, 2)
    mean, log_variance = z.chunk(2, 1)
    normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
    want = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0, 1)).sum((1, 2, 3)).mean()
    torch.testing.assert_close(KL(2)(z).losses["kl"], want)


def test_kl_s_sample_and_mode() -> None:
    kl = KL(1)
    z = torch.cat([torch.full((1, 1, 200, 200), 2.0), torch.full((1, 1, 200, 200), math.log(9))], 1).requires_grad_()
    assert torch.equal(kl.eval()(z).latent, z[:, :1])
    sample = kl.train()(z).latent.detach()
    assert sample.mean() == pytest.approx(2, abs=0.05) and sample.std() == pytest.approx(3, abs=0.05)
    torch.manual_seed(0)
    noise = torch.randn(1, 1, 200, 200)
    torch.manual_seed(0)
    torch.testing.assert_close(kl(z).latent, 2 + 3 * noise)
    extreme = torch.tensor([0.0, 1000.0]).view(1, 2, 1, 1)
    assert kl(extreme).losses["kl"] == pytest.approx((math.exp(20) - 1 - 20) / 2)


def test_wrong_parameters() -> None:
    with pytest.raises(InputError, match="temperature=0"):
        Gumbel(4, 8, temperature=0)
    with pytest.raises(InputError, match="channels=0"):
        KL(0)
