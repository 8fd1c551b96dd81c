"""Matches the pictures of several folders by their names."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from advloss.core.errors import InputError
from advloss.data.fields import Fields, made_from
from advloss.data.sources.values import FileValues, Values
from advloss.images.names import by_name
from advloss.images.reading import extensions, list_images

LAYOUTS = """understood are:
  trainA/ and trainB/ (also valA/, valB/, testA/, testB/; for more domains trainC/, ...)
  two folders of pictures in one, such as photo/ and edges/ (alone, or in each of train/, val/, test/)
  data.a=FOLDER data.b=FOLDER
  for paired methods also files of two pictures side by side (alone, or in each of train/, val/, test/)
  for super-resolution a folder of large pictures, also in folders below it (alone, or in each of train/, val/, test/),
    or data.a=SMALL data.b=LARGE; a folder of shards (.tar, as webdataset writes them) serves as one of pictures
  for methods that learn classes one folder for each class (alone, or in each of train/, val/, test/)"""


def listed(folders: Sequence[Path]) -> list[Path]:
    """The pictures in some folders, folder after folder."""
    return [path for folder in folders for path in list_images(folder)]


def enough(folder: Path, count: int, least: int) -> None:
    """Raises `InputError` unless a folder holds so many pictures."""
    if count == 0:
        raise InputError(f"{folder} holds no pictures ({extensions()}); {LAYOUTS}")
    if count < least:
        raise InputError(f"{folder} holds {count} image; at least {least} are needed")


def matched(folders: Mapping[str, Sequence[Path]], fields: Fields) -> tuple[dict[str, Values], tuple[Path, ...]]:
    """The pictures of the same names, by field; and the files that have no partner.

    folders: of each field. The large picture of 0001x4.png may be named 0001.png.
    """
    made = next((name for name in folders if made_from(fields[name])), None)
    order = [name for name in folders if name != made] + ([made] if made else [])
    keyed: dict[str, dict[str, Path]] = {}
    for name in order:
        enough(folders[name][0], len(listed(folders[name])), 1)
        keyed[name] = _keyed(folders[name], keyed[order[0]] if name == made else None)
    first, *others = (keyed[name] for name in folders)
    both = [key for key in first if all(key in other for other in others)]
    if not both:
        raise InputError(_no_partners(folders, keyed, made is not None))
    wanted = set(both)
    everything = {key: path for each in keyed.values() for key, path in each.items()}
    skipped = tuple(path for key, path in everything.items() if key not in wanted)
    return {name: FileValues([keyed[name][key] for key in both]) for name in folders}, skipped


def _keyed(folders: Sequence[Path], large: Mapping[str, Path] | None) -> dict[str, Path]:
    keyed: dict[str, Path] = {}
    for folder in folders:
        for key, path in by_name(folder, list_images(folder), large).items():
            if key in keyed:
                raise InputError(f"{keyed[key]} and {path} have one name, so their partner is not clear; remove one")
            keyed[key] = path
    return keyed


def _no_partners(folders: Mapping[str, Sequence[Path]], keyed: Mapping[str, dict[str, Path]], made: bool) -> str:
    places = [each[0] for each in folders.values()]
    names = ", ".join(f"'{next(iter(keyed[name].values())).name}'" for name in folders)
    needs = (
        "a small picture is called as its large one, or as in 0001x4.png and 0001.png"
        if made
        else "a paired method needs partners of the same name, an unpaired one (cyclegan) does not"
    )
    count = {2: "two", 3: "three"}.get(len(places), str(len(places)))
    return f"no {count} pictures in {' and '.join(map(str, places))} share a name ({names}, ...); {needs}"
