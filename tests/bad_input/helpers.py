"""What the tests of bad input share: a tiny training, a damaged file, the files of a folder."""

from pathlib import Path

from tests.training.started import TINY, done

SMALL = ["train", "recipe=cyclegan-small", *TINY]
RUN = Path("runs/run")
PHOTOS = [*SMALL[1:], "photos"]


def trained(*words: str, iterations: int = 2) -> None:
    done(*SMALL, "photos", "--run", "run", "--iterations", str(iterations), *words)


def halved(path: Path) -> None:
    """Cuts a file in the middle: its header is good, its pixels are not."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def files(folder: str | Path) -> list[str]:
    """What lies in a folder's tree, hidden and half-written files included."""
    return [str(path.relative_to(folder)) for path in sorted(Path(folder).rglob("*")) if path.is_file()]
