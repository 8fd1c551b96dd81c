"""Which pictures are read, and the file of each result; checked before any work is done."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from advloss.core.errors import InputError
from advloss.core.words import some
from advloss.images.formats import FORMATS
from advloss.images.listing import Passed, extensions, is_image, list_images
from advloss.images.reading import UnreadableImage
from advloss.inference.files.moving import ANIMATIONS, VIDEOS, is_animation, is_video
from advloss.inference.files.summary import Say


@dataclass(frozen=True)
class Job:
    """One picture to read, and the file of its result."""

    source: Path
    result: Path


def plan(
    source: Path, target: Path, form: str | None, skipped: Callable[[object], None], say: Say, moving: bool = False
) -> list[Job]:
    """The jobs for a picture, or for every picture in a folder, whose tree is kept.

    form: the results' extension without the dot; None: each file's own, and .png for those that are not written.
    moving: whether animations and videos are converted too; a video's result has the video's own extension.
    Folders that can't be read are reported to `skipped`, what else is not taken to `say`. Raises InputError if there is
    nothing to do, or if the target can't be written under its name.
    """
    suffix = written_suffix(form)
    if source.is_dir():
        return _folder_jobs(source, target, suffix, skipped, say, moving)
    if not source.is_file():
        raise InputError(f"{source}: no such file or folder")
    into_folder = target.is_dir() or not target.suffix
    if moving and (is_video(source) or (is_animation(source) and suffix is None)):
        result = target / source.name if into_folder else target
        kinds = VIDEOS if is_video(source) else ANIMATIONS
        if result.suffix.lower() in kinds:
            return [Job(source, result)]
        if is_video(source):
            raise InputError(f"{result}: {source} is a video, and so is its result: name a {', '.join(kinds)}")
    if into_folder:
        _say_renamed([source], suffix, say)
    if not is_image(source):
        raise InputError(f"{source}: is not named as a picture ({extensions()}); rename it if it is one")
    result = target / _named(Path(source.name), suffix) if into_folder else target
    if result.suffix.lower() not in _written():
        raise InputError(f"{result}: not a format that can be written ({', '.join(_written())})")
    if suffix and FORMATS[result.suffix.lower()] != FORMATS[suffix]:
        raise InputError(f"{result}: --format {suffix[1:]} asks for another format than the file's name")
    return [Job(source, result)]


def written_suffix(form: str | None) -> str | None:
    """The extension of results in this format, None for None. Raises InputError for one that can't be written."""
    suffix = f".{form}" if form else None
    if suffix and suffix not in _written():
        known = ", ".join(extension[1:] for extension in _written())
        raise InputError(f"--format {form}: is not a format that can be written; use one of {known}")
    return suffix


def _written() -> list[str]:
    return [extension for extension, one in FORMATS.items() if one.write is not None]


def _folder_jobs(
    source: Path, target: Path, suffix: str | None, skipped: Callable[[object], None], say: Say, moving: bool
) -> list[Job]:
    if target.is_file():
        raise InputError(f"{target}: is a file, and {source} is a folder; name a folder")
    if is_image(target) and not target.exists():
        raise InputError(f"{target}: is the name of a picture, and {source} is a folder; name a folder for the results")
    if target.exists() and target.samefile(source):
        raise InputError(f"{target}: is the input itself; name another folder for the results")
    passed = Passed()
    # a target within the source holds results, which are not converted again
    inside = target.resolve() if target.resolve().is_relative_to(source.resolve()) else None
    found = list_images(source, passed=passed)
    if moving:
        found += [path for path in passed.others if is_video(path)]
        passed.others = [path for path in passed.others if not is_video(path)]
    paths = sorted(path for path in found if inside not in path.resolve().parents)
    refused = [
        UnreadableImage(error.filename, f"the folder can't be read ({error.strerror})") for error in passed.closed
    ]
    if not paths:
        raise refused[0] if refused else InputError(f"{source}: holds no picture")
    for error in refused:
        skipped(error)
    for sentence in passed.words(lambda path: inside in path.resolve().parents):
        say(f"{source}: {sentence}")
    kept = {path for path in paths if moving and (is_video(path) or (suffix is None and _is_moving_gif(path)))}
    _say_renamed([path for path in paths if path not in kept], suffix, say)
    below = [path.relative_to(source) for path in paths]
    names = [name if path in kept else _named(name, suffix) for path, name in zip(paths, below, strict=True)]
    return apart([Job(path, target / name) for path, name in zip(paths, names, strict=True)], skipped)


def _is_moving_gif(path: Path) -> bool:
    """Whether it keeps its extension, though single pictures of that are not written."""
    return path.suffix.lower() == ".gif" and is_animation(path)


def _named(name: Path, suffix: str | None) -> Path:
    """The result's name: the picture's, with the extension of the wanted format; .png for its own if that is not
    written."""
    own = FORMATS[name.suffix.lower()]
    if suffix is None:
        return name if own.write is not None else name.with_suffix(".png")
    return name if own == FORMATS[suffix] else name.with_suffix(suffix)


def _say_renamed(paths: list[Path], suffix: str | None, say: Say) -> None:
    """Says which results have another extension than their pictures, though none was asked for."""
    unwritten = [path for path in paths if FORMATS[path.suffix.lower()].write is None]
    if suffix is None and unwritten:
        names = " and ".join(sorted({FORMATS[path.suffix.lower()].name for path in unwritten}))
        say(f"{names} files are read and not written: their results are PNGs ({some(unwritten)})")


def apart(jobs: list[Job], skipped: Callable[[object], None]) -> list[Job]:
    """The jobs without those that have the same result as another; these are reported to `skipped`."""
    by_result: dict[Path, list[Job]] = {}
    for job in jobs:
        by_result.setdefault(job.result, []).append(job)
    for result, several in by_result.items():
        if len(several) > 1:
            names = ", ".join(str(job.source) for job in several)
            skipped(f"{names}: each would become {result}; rename all but one, or leave the format as it is")
    return [job for job in jobs if len(by_result[job.result]) == 1]
