"""Two processes have, after their batches, what one has after the two together."""

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from advloss.core import distributed
from advloss.networks.bottlenecks import LFQ, VQ, ResidualVQ


def batches() -> Tensor:
    """Six batches of four latents, spread over two clusters: [6, 4, 3, 4, 4]."""
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(6, 4, 3, 4, 4, generator=generator)
    return values + 4 * (torch.rand(6, 4, 1, 4, 4, generator=generator) > 0.5)


def after(part: slice) -> dict[str, dict[str, Tensor]]:
    """The states, losses and counts of three kinds of codebook, and LFQ's gradient, after the parts of all batches."""
    made = {
        "ema": lambda: VQ(3, 20, ema=True, decay=0.6, kmeans=True, revive=0.3),
        "gradient": lambda: VQ(3, 20, kmeans=True, decay=0.6, revive=0.3),
        "normalize": lambda: VQ(3, 20, normalize=True, ema=True, decay=0.6, kmeans=True, revive=0.3),
        "no kmeans": lambda: VQ(3, 20, ema=True, decay=0.6, revive=0.3),
        "residual": lambda: ResidualVQ(3, 10, 2, decay=0.6, kmeans=True, revive=0.3),
    }
    result = {}
    for name, make in made.items():
        torch.manual_seed(2)
        bottleneck = make().train()
        distributed.broadcast(bottleneck)
        torch.manual_seed(3 + distributed.rank())  # the processes draw differently, and the first one counts
        revived = torch.zeros(())
        for batch in batches():
            before = bottleneck.state_dict()
            before = {key: value.clone() for key, value in before.items() if key.endswith("share")}
            bottleneck(batch[part])
            moved = bottleneck.state_dict()
            # a share at least halves a call, unless its code came back
            revived += sum((moved[key] > value + 0.2).sum() for key, value in before.items())
        counts = bottleneck.usage(everywhere=True).counts
        result[name] = {**bottleneck.state_dict(), "seen": counts, "revived": revived}
    lfq, latent = LFQ(8, temperature=1.0).train(), batches()[0, part].clone().requires_grad_()
    loss = lfq(latent).losses["entropy"]
    loss.backward()
    diversity = LFQ(8, temperature=1.0, entropy=1.0, beta=0.0)._everywhere(latent.mean(0).detach())
    result["lfq"] = {"gradient": latent.grad, "mean": diversity}
    return result


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.save(after(slice(2 * rank, 2 * rank + 2)), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """Of the first process, of the second, and of one alone."""
    folder = tmp_path_factory.mktemp("processes")
    mp.spawn(work, args=(str(folder),), nprocs=2)
    return [*(torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)), after(slice(None))]


@pytest.mark.parametrize("name", ["ema", "gradient", "normalize", "no kmeans", "residual"])
def test_two_processes_give_one_process_s_codebook(results: list[dict], name: str) -> None:
    first, second, one = (result[name] for result in results)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close(first, one, rtol=1e-4, atol=1e-5)
    assert one["revived"] > 0


def test_lfq_s_gradient_is_that_of_the_union_batch(results: list[dict]) -> None:
    first, second, one = (result["lfq"] for result in results)
    together = torch.cat([first["gradient"], second["gradient"]]) / 2  # as gradients are averaged over the processes
    torch.testing.assert_close(together, one["gradient"])
    torch.testing.assert_close(first["mean"], second["mean"])
    torch.testing.assert_close(first["mean"], one["mean"])
