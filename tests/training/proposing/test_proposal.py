"""`advloss data check` proposes a recipe and a size that the data and the time allow, measured on this machine."""

from pathlib import Path

import pytest
import torch

from advloss.core.errors import InputError
from advloss.data import open_any
from advloss.training.proposing import proposal
from advloss.training.proposing.measuring import LEAST, Measured, measured
from advloss.training.proposing.proposal import chosen, in_words, kind_of_data, propose, reasons
from tests.data.pictures import fill
from tests.training.started import done, pairs


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def classes(folder: Path) -> Path:
    for number, name in enumerate(("bird", "cat", "dog")):
        fill(folder / "train" / name, 3, 10 * number, 40, 44)
    return folder


def domains(folder: Path, height: int = 40, width: int = 44) -> Path:
    """Two sides without a common name, so that nothing is a pair."""
    for side in ("A", "B"):
        fill(folder / f"train{side}", [f"{side}{number}.png" for number in range(2)], 0, height, width)
    return folder


def test_the_kind_of_data():
    fill(Path("photos"), 3, 0, 40, 44)
    made = {"pairs": pairs(Path("p")), "domains": domains(Path("d")), "classes": classes(Path("c"))}
    made |= {"pictures": Path("photos"), "points": Path("ring")}
    for kind, where in made.items():
        assert kind_of_data(open_any(str(where)), str(where)) == kind


def timed(seconds: dict[int, float], tried: list[list[str]]):
    """A measurement in which an iteration takes so many seconds at each size."""

    def measure(words: list[str], where: str, device: str | None) -> Measured:
        tried.append([*words])
        size = next((int(word.split("=")[1]) for word in words if word.startswith("data.crop=")), 64)
        if size not in seconds:
            raise InputError(f"{size} pixels are too many\nin another line")
        return Measured(seconds[size], 5, 3000, 4, "on cpu, 1 thread")

    return measure


@pytest.mark.parametrize(
    ("side", "seconds", "sizes", "best"),
    [
        (40, {64: 0.1}, [64], 64),  # smaller pictures are enlarged, as the recipe does
        (130, {64: 0.1, 128: 0.4}, [64, 128], 128),
        (600, {64: 0.1, 128: 0.4, 256: 1.0}, [64, 128, 256], 256),
        (600, {64: 0.1, 128: 1.3}, [64, 128], 64),  # 3000 * 1.3 s is more than an hour, and 256 is not tried
        (600, {64: 2.0}, [64], 64),
        (600, {64: 0.1, 128: 0.2}, [64, 128, 256], 128),
    ],
)
def test_the_size_is_the_largest_that_pictures_and_time_allow(
    monkeypatch: pytest.MonkeyPatch, side: int, seconds: dict[int, float], sizes: list[int], best: int
):
    tried: list[list[str]] = []
    monkeypatch.setattr(proposal, "measured", timed(seconds, tried))
    found = propose(open_any(str(domains(Path("d"), side, side + 10))), "d", None)
    assert [one.size for one in found] == sizes and {one.aim.recipe for one in found} == {"cyclegan-small"}
    assert chosen(found).size == best
    said = in_words(found, "d")
    sides = "" if best == 64 else f"data.load={best} data.crop={best} "
    assert f"proposed: advloss train recipe=cyclegan-small {sides}d" in said
    refused = ["cyclegan-small at 256 pixels can't be trained on this: 256 pixels are too many"]
    assert reasons(found) == (refused if 256 in sizes and 256 not in seconds else [])
    row = next(one for one in found if one.size == best).row()
    assert row[2:5] == [str(best), "3000", "750"]  # 3000 iterations of 4 an epoch


def test_what_is_proposed_can_be_trained_and_the_time_is_measured_without_a_file():
    pairs(Path("pictures"))
    before = sorted(Path().rglob("*"))
    threads = torch.get_num_threads()
    found = measured(["recipe=pix2pix-small"], "pictures", "cpu")
    assert found.seconds > 0 and found.iterations >= LEAST and (found.total, found.per_epoch) == (3000, 4)
    assert sorted(Path().rglob("*")) == before and torch.get_num_threads() == threads
    text = done("data", "check", "pictures", "--device", "cpu").stdout
    assert "translate the first side into the second" in text and "no problems found" in text
    (line,) = [line for line in text.splitlines() if line.startswith("proposed: advloss ")]
    assert line == "proposed: advloss train recipe=pix2pix-small pictures"
    assert "s an iteration, measured over" in text and sorted(Path().rglob("*")) == before
    done(*line.removeprefix("proposed: advloss ").split(), "--dry-run")


def test_colours_and_pictures_that_are_too_small():
    assert any("data.channels=3" in one.words for one in propose(open_any(str(classes(Path("c")))), "c", "cpu"))
    fill(Path("photos"), 3, 0, 40, 44)
    result = done("data", "check", "photos", "--device", "cpu")
    assert "srresnet-small at 96 pixels can't be trained on this: " in result.stderr
    assert "proposed: " not in result.stdout
