"""Prefetched batches come in their order, errors where they would have come, and nothing is left behind."""

import itertools
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch

from advloss.core.errors import InputError
from advloss.data.loading.loader import Batch, Loader
from advloss.data.loading.prefetch import PREFETCHED, prefetched
from advloss.data.sources.base import Split
from tests.data.loading.test_loader import AUGMENT, paired, unpaired

CPU = torch.device("cpu")


class Source:
    """Numbered batches; says which were made, where, and whether it was ended."""

    def __init__(self, wrong: int = -1) -> None:
        self.made: list[int] = []
        self.threads: set[int] = set()
        self.ended = False
        self.wrong = wrong
        self.idle = threading.Semaphore(0)

    def batches(self) -> Generator[tuple[Batch, int], None, None]:
        try:
            for number in itertools.count():
                if number == self.wrong:
                    raise InputError(f"batch {number} can't be made")
                self.made.append(number)
                self.threads.add(threading.get_ident())
                self.idle.release()
                yield {"b": torch.tensor(number)}, number
        finally:
            self.ended = True


def test_in_order_and_so_many_prefetched() -> None:
    source = Source()
    made = prefetched(source.batches(), CPU)
    for number in range(5):
        batch, rest = next(made)
        assert (int(batch["b"]), rest) == (number, number)
    for _ in range(5 + PREFETCHED):
        assert source.idle.acquire(timeout=60)
    assert not source.idle.acquire(timeout=0.1)  # and none beyond these
    assert source.made == list(range(5 + PREFETCHED))
    made.close()


def test_the_first_is_made_by_who_asks_and_the_rest_by_one_thread() -> None:
    source = Source()
    made = prefetched(source.batches(), CPU)
    assert source.made == []
    next(made)
    for _ in range(1 + PREFETCHED):
        assert source.idle.acquire(timeout=60)
    assert len(source.threads) == 2 and threading.get_ident() in source.threads
    made.close()


@pytest.mark.parametrize("wrong", [0, 1, 2, 5])
def test_an_error_comes_where_its_batch_would_have_come(wrong: int) -> None:
    source = Source(wrong)
    made = prefetched(source.batches(), CPU)
    assert [rest for _, rest in itertools.islice(made, wrong)] == list(range(wrong))
    with pytest.raises(InputError, match=f"^batch {wrong} can't be made$"):
        next(made)
    assert source.ended


@pytest.mark.parametrize("taken", [1, 4])
def test_nothing_is_left_when_it_is_closed(taken: int) -> None:
    before = threading.active_count()
    source = Source()
    batches = source.batches()  # kept, so that it does not end because nobody has it
    made = prefetched(batches, CPU)
    list(itertools.islice(made, taken))
    assert threading.active_count() == before + 1
    made.close()
    assert threading.active_count() == before
    assert source.ended and len(source.made) <= taken + PREFETCHED


def take(split: Split, count: int, start: int, in_thread: bool, **changed: Any) -> list[Batch]:
    options: dict[str, Any] = {"load": 20, "crop": 16, "batch": 2, "seed": 3, "say": lambda said: None} | changed
    loader = Loader(split, **options)
    loader.prefetches = in_thread
    return list(itertools.islice(loader.batches(start), count))


@pytest.mark.parametrize("make", [unpaired, paired])
@pytest.mark.parametrize(
    "how",
    [
        {"memory": "off"},
        {"memory": "off", "workers": 2},
        {"memory": "on"},
        {"memory": "device"},
        {"memory": "off", "augment": AUGMENT},
    ],
)
def test_a_loader_gives_the_same_batches(tmp_path: Path, make: Any, how: dict[str, Any]) -> None:
    split = make(tmp_path)
    state = torch.get_rng_state()
    for start in (0, 5):
        plain, threaded = (take(split, 9, start, in_thread, **how) for in_thread in (False, True))
        for one, other in zip(plain, threaded, strict=True):
            assert all(torch.equal(one[side], other[side]) for side in "ab")
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("how", [{"memory": "off"}, {"memory": "off", "workers": 1}])
def test_what_is_skipped_is_said_when_its_batch_is_taken(tmp_path: Path, how: dict[str, Any]) -> None:
    split = paired(tmp_path, 120)
    order = Loader(split, load=20, crop=16, batch=1, seed=3).sampler
    bad = [order.items(number)[0].indices[0] for number in (2, 6)]
    for index in bad:
        (tmp_path / "a" / f"{index:03d}.png").write_bytes(b"")
    said: list[str] = []
    loader = Loader(split, load=20, crop=16, batch=1, seed=3, say=said.append, **how)
    loader.prefetches = True
    batches = loader.batches()
    counts = []
    for _ in range(6):
        next(batches)
        counts.append(len(said))
    assert counts == [0, 0, 1, 1, 1, 1]
    with pytest.raises(InputError, match="2 of 120 pairs can't be read"):  # in the main thread, at its batch
        next(batches)
