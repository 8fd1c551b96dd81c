"""A codebook's own doings: nearest codes, moving averages, k-means, dead codes."""

import pytest
import torch
import torch.nn.functional as F

from advloss.core.errors import InputError
from advloss.networks.bottlenecks.codebook import Codebook
from advloss.networks.bottlenecks.drawing import draw, kmeans
from advloss.networks.bottlenecks.nearest import nearest


@pytest.mark.parametrize("offset", [0.0, 100.0, -3e4])
@pytest.mark.parametrize("codes", [2, 3, 500])
def test_the_nearest_by_brute_force(codes: int, offset: float) -> None:
    """Far from the origin, |z|^2 - 2 z e + |e|^2 in float32 finds others."""
    vectors, book = torch.randn(300, 8) + offset, torch.randn(codes, 8) + offset
    want = (vectors.double()[:, None] - book.double()).square().sum(-1)
    found = nearest(vectors, book)
    assert found.dtype == torch.int64
    torch.testing.assert_close(want.gather(1, found[:, None])[:, 0], want.min(1).values, rtol=1e-6, atol=0)
    if offset == 100 and codes == 500:
        product = vectors.square().sum(1, True) - 2 * vectors @ book.T + book.square().sum(1)
        assert (product.argmin(1) != want.argmin(1)).any()


def test_the_nearest_in_parts_and_the_first_of_equal_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, book = torch.randn(50, 3), torch.randn(20, 3)
    want = nearest(vectors, book)
    monkeypatch.setattr("advloss.networks.bottlenecks.nearest.ROOM", 60)
    assert torch.equal(nearest(vectors, book), want)
    assert torch.equal(nearest(vectors, torch.cat([book, book])), want)
    assert torch.equal(nearest(torch.zeros(2, 3), torch.ones(4, 3)), torch.zeros(2, dtype=torch.int64))


def test_moving_averages_by_the_formula_over_three_batches() -> None:
    book = Codebook(5, 3, ema=True, decay=0.9).train()
    assert not list(book.parameters())
    codes = book.weight.double()
    counts, sums = torch.ones(5).double(), codes.clone()
    for _ in range(3):
        vectors = torch.randn(40, 3) / 3
        chosen, indices = book(vectors)
        assert torch.equal(indices, torch.cdist(vectors.double(), codes).argmin(1))
        torch.testing.assert_close(chosen.double(), codes[indices], rtol=1e-5, atol=1e-6)  # of before the update
        for code in range(5):
            own = vectors.double()[indices == code]
            counts[code] = 0.9 * counts[code] + 0.1 * len(own)
            sums[code] = 0.9 * sums[code] + 0.1 * own.sum(0)
        codes = sums / counts[:, None]
        torch.testing.assert_close(book.weight.double(), codes, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(book.counts.double(), counts, rtol=1e-6, atol=0)
    before = book.eval().weight.clone()
    book(torch.randn(40, 3))
    assert torch.equal(before, book.weight)


def test_a_code_that_nothing_chooses_stays_where_it_is() -> None:
    book = Codebook(2, 1, ema=True, decay=0.5).train()
    book.weight.copy_(torch.tensor([[1.0], [7.0]]))
    book.sums.copy_(book.weight)
    for _ in range(400):  # its count falls to 0
        book(torch.full((10, 1), 2.0))
    assert book.counts[1] == 0
    torch.testing.assert_close(book.weight, torch.tensor([[2.0], [7.0]]))


def clusters() -> torch.Tensor:
    """Forty points near each of (0, 0), (10, 0), (0, 10), (10, 10)."""
    corners = torch.tensor([[0.0, 0], [10, 0], [0, 10], [10, 10]])
    return (corners[:, None] + 0.1 * torch.randn(4, 40, 2)).flatten(0, 1)


def test_kmeans_is_a_fixed_point_of_lloyd_s_step() -> None:
    points = clusters()
    means = kmeans(points, 6)
    of = nearest(points, means)
    assert of.unique().numel() == 6
    for code in range(6):
        torch.testing.assert_close(means[code], points[of == code].mean(0))
    unit = kmeans(F.normalize(torch.randn(200, 4), dim=1), 8, normalize=True)
    torch.testing.assert_close(unit.norm(dim=1), torch.ones(8))


def test_kmeans_starts_the_first_training_batch_and_no_other() -> None:
    book = Codebook(4, 2, kmeans=True)
    begun = book.weight.detach().clone()
    book.eval()(clusters())
    assert torch.equal(book.weight, begun) and book.started == 0
    _, indices = book.train()(clusters())
    assert book.started == 1 and indices.unique().numel() > 1
    after = book.weight.detach().clone()
    assert not torch.equal(after, begun)
    book(clusters() + 50)
    assert torch.equal(book.weight, after)

    resumed = Codebook(4, 2, kmeans=True).train()
    resumed.load_state_dict(book.state_dict())
    resumed(clusters() + 50)
    assert torch.equal(resumed.weight, after)
    resumed.load_state_dict(Codebook(4, 2, kmeans=True).state_dict())  # which has not begun
    resumed(clusters() + 50)
    assert resumed.started == 1 and resumed.weight.min() > 40


def test_more_codes_than_vectors() -> None:
    drawn = draw(torch.arange(3.0)[:, None], 8)[:, 0]
    assert sorted(drawn.long().bincount().tolist()) == [2, 3, 3]
    assert kmeans(torch.randn(3, 2), 8).isfinite().all()


@pytest.mark.parametrize("ema", [False, True])
def test_dead_codes_come_back_as_vectors_of_the_batch(ema: bool) -> None:
    book = Codebook(4, 2, ema=ema, decay=0.5, revive=0.1).train()
    with torch.no_grad():
        book.weight.copy_(torch.tensor([[0.0, 0], [50, 50], [60, 60], [70, 70]]))
    if ema:
        book.sums.copy_(book.weight)
    for call in range(4):  # shares of the unused: 1/2, 1/4, 1/8, 1/16
        book(torch.zeros(20, 2))
        torch.testing.assert_close(book.share[1:], torch.full((3,), 0.5 ** (call + 1)))
        torch.testing.assert_close(book.weight[3], torch.full((2,), 70.0))
    batch = torch.randn(20, 2)
    _, indices = book(batch)
    assert indices.unique().numel() == 4
    if not ema:
        for code in book.weight[1:]:
            assert (batch == code).all(1).any()
        assert book.weight[1:].unique(dim=0).shape[0] == 3
    torch.testing.assert_close(book.share[1:], (0.5 + 0.5 * indices.bincount() * 4 / 20)[1:])


def test_a_collapsed_codebook_is_used_again_and_stays_collapsed_without_revival() -> None:
    used = {}
    for revive in (0.0, 0.1):
        torch.manual_seed(0)
        book = Codebook(300, 4, ema=True, decay=0.9, revive=revive).train()
        book.weight.add_(20)
        book.sums.copy_(book.weight)
        for _ in range(60):
            _, indices = book(torch.randn(2000, 4))
        used[revive] = indices.unique().numel() / 300
    assert used[0.0] < 0.05 and used[0.1] > 0.9


def test_the_state_goes_on_as_if_nothing_had_stopped() -> None:
    """EMA counts and shares travel in the state dict, and the choices come from the global generator."""
    book = Codebook(30, 3, ema=True, decay=0.7, kmeans=True, revive=0.2).train()
    batches = torch.randn(8, 40, 3)
    for batch in batches[:4]:
        book(batch)
    state, random = {key: value.clone() for key, value in book.state_dict().items()}, torch.get_rng_state()
    assert state.keys() == {"weight", "counts", "sums", "share", "started"}
    for batch in batches[4:]:
        book(batch)
    other = Codebook(30, 3, ema=True, decay=0.7, kmeans=True, revive=0.2).train()
    other.load_state_dict(state)
    torch.set_rng_state(random)
    for batch in batches[4:]:
        other(batch)
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in book.state_dict().items())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"revive": 1.0}, "revive=1.0"), ({"decay": 1.0}, "decay=1.0"), ({"codes": 0}, "codes=0 must be at least 1")],
)
def test_wrong_parameters(wrong: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Codebook(**({"codes": 4, "channels": 2} | wrong))


def test_nothing_is_learned_without_gradients() -> None:
    """Fakes for a discriminator alone must not count twice in the averages."""
    codebook = Codebook(8, 4, ema=True, kmeans=True, revive=0.1)
    before = {key: value.clone() for key, value in codebook.state_dict().items()}
    with torch.no_grad():
        codebook(torch.randn(32, 4))
    assert all(torch.equal(value, before[key]) for key, value in codebook.state_dict().items())
    codebook(torch.randn(32, 4))
    assert not torch.equal(codebook.weight, before["weight"])
