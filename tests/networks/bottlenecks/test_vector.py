import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open

from advloss.core.errors import InputError
from advloss.networks.bottlenecks import VQ, ResidualVQ


@pytest.mark.parametrize("legacy", [True, False])
def test_taming_s_quantizer(golden, legacy: bool) -> None:
    """Its loss's value is the same on either side of beta; the gradients are not."""
    with safe_open(golden / "vqgan.safetensors", "pt") as file:
        beta, codes, dim = (float(file.metadata()[key]) for key in ("beta", "codes", "dim"))
        want = {key: file.get_tensor(key) for key in ("latent", "indices", "quantized", "codebook_loss")}
        weight = file.get_tensor("weights.quantize.embedding.weight")
    assert beta == 0.25
    vq = VQ(int(dim), int(codes), beta, legacy)
    vq.load_state_dict({"codebook.weight": weight})
    latent = want["latent"].requires_grad_()
    out = vq(latent)
    assert torch.equal(out.indices.flatten(), want["indices"])
    torch.testing.assert_close(out.latent, want["quantized"], rtol=0, atol=1e-5)
    loss = out.losses["codebook"] + out.losses["commitment"]
    torch.testing.assert_close(loss, want["codebook_loss"], rtol=1e-5, atol=0)

    loss.backward()
    of_latent, of_code = (1, beta) if legacy else (beta, 1)
    apart = latent.detach() - want["quantized"]
    torch.testing.assert_close(latent.grad, of_latent * 2 * apart / apart.numel())
    rows = -of_code * 2 * apart.movedim(1, -1).flatten(0, -2) / apart.numel()
    torch.testing.assert_close(vq.codebook.weight.grad, torch.zeros_like(weight).index_add_(0, want["indices"], rows))


def test_indices_are_the_nearest_codes_and_the_latent_is_made_of_them() -> None:
    vq, z = VQ(5, 30), torch.randn(2, 5, 4, 3) / 30
    out = vq(z)
    for b in range(2):
        for y in range(4):
            for x in range(3):
                distance = (z[b, :, y, x] - vq.codebook.weight).square().sum(1)
                assert out.indices[b, y, x] == distance.argmin()
                assert torch.equal(out.latent[b, :, y, x], vq.codebook.weight[distance.argmin()])


def test_the_codes_move_to_the_latents_by_gradient_and_by_averages() -> None:
    z = torch.tensor([1.0, 1, 3, 3]).view(1, 1, 2, 2)
    for ema in (False, True):
        vq = VQ(1, 2, ema=ema, decay=0.8)
        with torch.no_grad():
            vq.codebook.weight.copy_(torch.tensor([[0.0], [4.0]]))
        if ema:
            vq.codebook.sums.copy_(vq.codebook.weight)
        losses = vq(z).losses
        assert losses["commitment"] == pytest.approx(0.25)
        if ema:
            assert losses.keys() == {"commitment"}
            want = torch.tensor([[0.4 / 1.2], [(3.2 + 1.2) / 1.2]])  # m / N: (.8 * 0 + .2 * 2) / (.8 + .2 * 2), ...
            torch.testing.assert_close(vq.codebook.weight, want)
        else:
            assert losses["codebook"].item() == pytest.approx(1)
            losses["codebook"].backward()
            torch.testing.assert_close(vq.codebook.weight.grad, torch.tensor([[-1.0], [1.0]]))


def test_normalised_codes_and_latents() -> None:
    vq, z = VQ(4, 20, normalize=True), torch.randn(2, 4, 3, 3, requires_grad=True)
    out = vq(z)
    unit, codes = F.normalize(z, dim=1), F.normalize(vq.codebook.weight, dim=1)
    cosine = torch.einsum("bdhw,kd->bhwk", unit, codes)
    assert torch.equal(out.indices, cosine.argmax(-1))
    chosen = codes[out.indices].movedim(-1, 1)
    torch.testing.assert_close(out.latent, chosen)
    torch.testing.assert_close(out.losses["commitment"], 0.25 * (unit - chosen).square().mean())
    torch.testing.assert_close(out.losses["codebook"], (unit - chosen).square().mean())
    weight = torch.randn_like(z)
    ours = torch.autograd.grad((out.latent * weight).sum(), z)[0]
    torch.testing.assert_close(ours, torch.autograd.grad((unit * weight).sum(), z)[0])


def test_residual_codebooks_by_hand() -> None:
    """6 is 4 and 2 over, which is 2; 5 is 4 and 1 over, which is 0 (the first of equals)."""
    vq = ResidualVQ(1, 2, 2, beta=1.0).eval()
    for book, values in zip(vq.codebooks, ([0.0, 4], [0, 2]), strict=True):
        book.weight.copy_(torch.tensor(values)[:, None])
    out = vq(torch.tensor([6.0, 5, -1, 0]).view(1, 1, 2, 2))
    assert out.indices.flatten(0, 2).tolist() == [[1, 1], [1, 0], [0, 0], [0, 0]]
    assert out.latent.flatten().tolist() == [6, 4, 0, 0]
    first, second = (4 + 1 + 1 + 0) / 4, (0 + 1 + 1 + 0) / 4
    assert out.losses["commitment"] == pytest.approx((first + second) / 2)


def test_more_residual_codebooks_come_nearer() -> None:
    z = torch.randn(4, 4, 8, 8)
    errors = []
    for books in (1, 2, 4):
        vq = ResidualVQ(4, 16, books, kmeans=True).train()
        vq(z)
        errors.append((vq.eval()(z).latent - z).square().mean())
    assert errors[0] > 1.5 * errors[1] > 2 * errors[2]


def test_residual_codebooks_by_gradient() -> None:
    vq = ResidualVQ(3, 8, 2, ema=False)
    losses = vq(torch.randn(2, 3, 4, 4)).losses
    losses["codebook"].backward()
    assert all(book.weight.grad.abs().sum() > 0 for book in vq.codebooks)


def test_parameters_that_do_not_go_together() -> None:
    with pytest.raises(InputError, match="legacy=true"):
        VQ(4, 8, legacy=True, ema=True)
    with pytest.raises(InputError, match="beta=-1"):
        VQ(4, 8, beta=-1)
    with pytest.raises(InputError, match="books=0"):
        ResidualVQ(4, 8, 0)
