"""Encodes folders of pictures to tokens, in one file or in shards. A picture that can't be read is skipped and
named."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from advloss.core.errors import InputError, Interrupted
from advloss.core.storage.files import Inputs, check_result, closed_named, make_folder
from advloss.images.listing import Passed, extensions, is_image, list_images
from advloss.images.reading import UnreadableImage
from advloss.inference.files.summary import Remarks, Say, Summary, reporter
from advloss.inference.model import Model
from advloss.inference.tokens.encoding import Reading, encoded
from advloss.inference.tokens.token_shards import (
    Index,
    Shard,
    index_path,
    is_index,
    remove_shards,
    shard_path,
    shards_of,
    write_index,
)
from advloss.inference.tokens.tokens_file import Header, Tokens, check_vocabulary, read_header, vocabulary, write_tokens


def tokenize_files(
    model: Model,
    source: Path,
    target: Path,
    reading: Reading,
    *,
    name: str = "",
    shard: int | None = None,
    overwrite: bool = False,
    say: Say,
) -> Summary:
    """Writes the tokens of a picture, or of a folder's, to one file, or with `shard` to one for each `shard` pictures.

    name: the model's, for messages. Complete shards are kept, so that a call that was stopped can go on. Raises
    InputError for a model without codes, if there is nothing to read, if the target exists and `overwrite` is false,
    and if existing shards hold something else; Interrupted on Ctrl-C.
    """
    header = Header(**vocabulary(model).model_dump(), model=name, size=reading.size)
    summary = Summary("tokenized")
    with closed_named():
        paths = _sources(source, summary, say)
        _check_target(target, shard, overwrite, Inputs([model.file, *paths]))
        if shard and overwrite:
            remove_shards(target)
    names = [path.relative_to(source).as_posix() if source.is_dir() else path.name for path in paths]
    work = _Tokenizing(model, header, reading, summary, say)
    done = []
    try:
        with tqdm(total=len(paths), unit="picture", disable=None if len(paths) > 1 else True) as bar:
            for number, first in enumerate(range(0, len(paths), shard or len(paths))):
                part = slice(first, first + (shard or len(paths)))
                file = shard_path(target, number) if shard else target
                done.append(Shard(file=file.name, pictures=work.part(file, paths[part], names[part], bool(shard), bar)))
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {summary.words()}; {_how_to_go_on(shard, overwrite)}") from None
    finally:
        work.remarks.tell(say)
    if shard:
        write_index(target, Index(fingerprint=header.fingerprint, pictures=sum(s.pictures for s in done), shards=done))
    return summary


def _how_to_go_on(shard: int | None, overwrite: bool) -> str:
    without = " without --overwrite" if overwrite else ""
    return f"the same command{without} goes on from there" if shard else "with --shard N a stopped command can go on"


@dataclass
class _Tokenizing:
    """The state that all shards share."""

    model: Model
    header: Header
    reading: Reading
    summary: Summary
    say: Say
    remarks: Remarks = field(default_factory=Remarks)

    def part(self, file: Path, paths: list[Path], names: list[str], shard: bool, bar: "tqdm") -> int:
        """Writes the tokens of these pictures, unless the file exists. Gives how many pictures the file holds."""
        if shard and file.exists():
            held = read_header(file)
            self._check_same(file, held, names)
            for why in held.skipped.values():
                self._skip(f"{why} (as {file.name} says; to try again, remove that file)")
            self.summary.present += len(held.names)
            bar.update(len(names))
            return len(held.names)
        made, skipped = self._encoded(paths, names, bar)
        if not made and not shard:
            raise InputError("\n".join(["none of the pictures could be tokenized:", *self.summary.failed]))
        numbers = sorted(made)
        kept = [names[number] for number in numbers]
        header = self.header.model_copy(update={"names": kept, "skipped": skipped})
        make_folder(file.parent)
        indices, sizes = [made[number][0] for number in numbers], [made[number][1] for number in numbers]
        write_tokens(file, Tokens(header, indices, sizes))
        self.summary.written += len(kept)
        return len(kept)

    def _encoded(
        self, paths: list[Path], names: list[str], bar: "tqdm"
    ) -> tuple[dict[int, tuple[np.ndarray, tuple[int, int]]], dict[str, str]]:
        """The indices and the size of each picture that can be read, by number; and the errors of the others, by
        name."""
        made: dict[int, tuple[np.ndarray, tuple[int, int]]] = {}
        skipped: dict[str, str] = {}

        def note(number: int, why: str) -> None:
            skipped[names[number]] = why
            self._skip(why)
            bar.update()

        for one in encoded(self.model, paths, note, self.reading, self.remarks):
            made[one.number] = one.codes.numpy(), one.size
            bar.update()
        return made, skipped

    def _skip(self, why: str) -> None:
        self.summary.failed.append(why)
        self.say(f"skipped: {why}")

    def _check_same(self, file: Path, held: Header, names: list[str]) -> None:
        """Raises InputError for a shard that holds something else than this call would write."""
        check_vocabulary(file, held, self.header)
        begin = "remove the shards or give --overwrite to begin anew, or name another file"
        if held.size != self.header.size:
            raise InputError(f"{file}: was made with --size {held.size}, and --size is {self.header.size} now; {begin}")
        if sorted([*held.names, *held.skipped]) != sorted(names):
            raise InputError(f"{file}: holds other pictures: the folder or --shard has changed since; {begin}")


def _sources(source: Path, summary: Summary, say: Say) -> list[Path]:
    """The pictures to read, sorted. Folders that can't be read and names that can't be stored go to the summary."""
    if source.is_file():
        if not is_image(source):
            raise InputError(f"{source}: is not named as a picture ({extensions()}); rename it if it is one")
        return [source]
    if not source.is_dir():
        raise InputError(f"{source}: no such file or folder")
    passed = Passed()
    found = list_images(source, passed=passed)
    skipped = reporter(summary, say)
    for sentence in passed.words():
        say(f"{source}: {sentence}")
    for error in passed.closed:
        skipped(UnreadableImage(error.filename, f"the folder can't be read ({error.strerror})"))
    paths = []
    for path in found:
        name = path.relative_to(source).as_posix()
        if "\\" in name or not name.isprintable():
            skipped(f"{path}: a tokens file can't keep that name; rename it")
        else:
            paths.append(path)
    if not paths:
        raise InputError("\n".join([f"{source}: holds no picture that can be read", *summary.failed]))
    return paths


def _check_target(target: Path, shard: int | None, overwrite: bool, inputs: Inputs) -> None:
    """Raises InputError for a target that is not a name of a tokens file, that exists, or that can't be written."""
    if target.suffix != ".safetensors":
        raise InputError(f"{target}: a tokens file ends in .safetensors")
    index = index_path(target)
    for result in [index, shard_path(target, 0), *shards_of(target)] if shard else [target]:
        check_result(result, inputs)
    if not shard and target.exists() and not overwrite:
        raise InputError(f"{target} exists; --overwrite replaces it")
    if shard and index.exists() and not is_index(index):
        raise InputError(f"{index}: is no index of shards, and one is to be written there; name another tokens file")
