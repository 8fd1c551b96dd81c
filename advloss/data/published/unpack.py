"""Unpacks archives. Nothing is written outside the folder, and a folder that exists is always whole.

Python's `extractall` is not used: which paths and links its filters let through depends on Python's version, and it has
no bound on what comes out.
"""

import contextlib
import errno
import gzip
import shutil
import stat
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, cast

from advloss.core.errors import InputError
from advloss.data.tar_files import members, open_tar

MEMBERS_MOST = 1_000_000
"""The largest published set has 139,000 files."""
BYTES_MOST = 2**38
RATIO_MOST = 20
"""How many times an archive's own size its content may have: pictures are compressed already, and come to 1 or 2."""
SMALL = 2**24
"""Up to so many bytes the ratio is not looked at: of a handful of tiny pictures most is headers."""
DEPTH_MOST = 32
NAME_MOST = 1024
"""Levels of folders and bytes of a member's path."""
BLOCK = 2**20
DOWNLOAD_AGAIN = "remove it, and it will be downloaded again"


class Damaged(InputError):
    """An archive that can't be read to its end."""


@dataclass(frozen=True)
class Member:
    """A file or a folder in an archive. size: of the file, in bytes; entry: what opens it."""

    path: PurePosixPath
    size: int
    folder: bool
    entry: Any


def unpack(archive: Path, folder: Path, *, most: int = BYTES_MOST, advice: str = DOWNLOAD_AGAIN) -> Path:
    """Unpacks a .zip, .tar or .tar.gz as `folder`. If it holds a single folder, that folder's content is taken.

    most: bytes that may come out; advice: the end of the message on an archive that is damaged.

    It is unpacked under a temporary name in the same folder, then renamed. Call it in one process at a time. Raises
    `InputError`, before anything is written, for a member that is no plain file or folder (a link), or that leads out
    of the archive, and for more members or bytes than a set of pictures of this size can have or the disk has room
    for; `Damaged` for an archive that can't be read to its end.
    """
    temporary = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)  # what a killed process left
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with whole(archive, advice=advice), _opened(archive) as opened:
            found = _checked(archive, opened.members(), min(most, _most(archive)))
            if not found:
                raise EOFError("nothing is in it")
            _check_room(archive, found, folder.parent)
            temporary.mkdir()
            for member in found:
                _write(opened, member, temporary)
        top = [path for path in temporary.iterdir() if path.name != "__MACOSX"]
        content = top[0] if len(top) == 1 and top[0].is_dir() else temporary
        content.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


@contextlib.contextmanager
def whole(*archives: Path, advice: str = DOWNLOAD_AGAIN) -> Iterator[None]:
    """Raises `Damaged`, which names the archives, where reading them fails. Errors of the disk stay what they are."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # zip's, tar's and decompressors' readers raise whatever they run into
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # a seek to before the beginning
            raise
        why = str(error).splitlines()[0].removesuffix(":") if str(error) else type(error).__name__
        names = " or ".join(map(str, archives))
        raise Damaged(f"{names} is damaged ({why}); {advice}") from error


class _Zip:
    """The members of a zip archive."""

    def __init__(self, archive: Path) -> None:
        self.archive, self.file = archive, zipfile.ZipFile(archive)

    def members(self) -> Iterator[Member]:
        for info in self.file.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _unsafe(self.archive, info.filename, "is a link, or no file")
            path = _path(self.archive, info.filename)
            yield Member(path, info.file_size, info.is_dir(), info)

    def open(self, member: Member) -> IO[bytes]:
        return self.file.open(member.entry)

    def close(self) -> None:
        self.file.close()


class _Tar:
    """The members of a tar file, compressed by gzip or not."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        with archive.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
        self.file = cast(BinaryIO, (gzip.open if compressed else open)(archive, "rb"))
        # headers and the padding of each member come on top of the members' bytes
        try:
            self.tar = open_tar(self.file, 2 * _most(archive) + BLOCK)
        except Exception:
            self.file.close()
            raise

    def members(self) -> Iterator[Member]:
        for info in members(self.tar):
            if not (info.isdir() or (info.isreg() and not info.issparse())):
                raise _unsafe(self.archive, info.name, "is a link, or neither a file nor a folder")
            yield Member(_path(self.archive, info.name), 0 if info.isdir() else info.size, info.isdir(), info)

    def open(self, member: Member) -> IO[bytes]:
        opened = self.tar.extractfile(member.entry)
        assert opened is not None  # it is a plain file
        return opened

    def close(self) -> None:
        self.tar.close()
        self.file.close()


def _opened(archive: Path) -> "contextlib.closing[_Zip | _Tar]":
    return contextlib.closing(_Zip(archive) if archive.suffix == ".zip" else _Tar(archive))


def _most(archive: Path) -> int:
    """How many bytes the members of an archive may have in all."""
    return min(max(RATIO_MOST * archive.stat().st_size, SMALL), BYTES_MOST)


def _checked(archive: Path, found: Iterable[Member], most: int) -> list[Member]:
    """The members, or InputError as soon as one of them, their number or their bytes are not to be unpacked."""
    total = 0
    kept: list[Member] = []
    files: set[PurePosixPath] = set()
    folders: set[PurePosixPath] = set()
    for member in found:
        total += member.size
        if len(kept) == MEMBERS_MOST or total > most:
            what = f"more than {MEMBERS_MOST:,} members" if len(kept) == MEMBERS_MOST else f"more than {most:,} bytes"
            raise InputError(
                f"{archive} is not safe to unpack: {what} would come out of its {archive.stat().st_size:,}; "
                "nothing was unpacked"
            )
        folders |= {*member.path.parents, *([member.path] if member.folder else [])}
        if not member.folder:
            files.add(member.path)
        kept.append(member)
    if both := sorted(files & folders):
        raise _unsafe(archive, str(both[0]), "is a file and a folder")
    return kept


def _check_room(archive: Path, found: list[Member], place: Path) -> None:
    needed, free = sum(member.size for member in found), shutil.disk_usage(place).free
    if needed > free:
        raise InputError(
            f"{archive}: its {needed:,} bytes have no room in {place}, where {free:,} are free; nothing was unpacked"
        )


def _write(opened: _Zip | _Tar, member: Member, folder: Path) -> None:
    """Writes one member. What comes out is no more than what `_checked` counted."""
    path = folder.joinpath(*member.path.parts)
    if not path.resolve().is_relative_to(folder.resolve()):  # can't be, since no link is ever made
        raise _unsafe(opened.archive, str(member.path), "leads out of the archive")
    if member.folder:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    left = member.size
    with opened.open(member) as source, path.open("wb") as target:
        while block := source.read(BLOCK):
            left -= len(block)
            if left < 0:
                break
            target.write(block)
    if left:
        raise EOFError(f"{member.path} has another size than its header says")


def _path(archive: Path, name: str) -> PurePosixPath:
    """A member's path below the folder. Raises InputError for one that leads out of it, or that no disk takes."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or name[1:2] == ":":
        raise _unsafe(archive, name, "is an absolute path")
    if ".." in path.parts:
        raise _unsafe(archive, name, "leads out of the archive")
    try:
        length = len(str(path).encode(errors="surrogateescape"))
    except UnicodeEncodeError:
        length = NAME_MOST + 1
    if "\0" in name or length > NAME_MOST or len(path.parts) > DEPTH_MOST:
        raise _unsafe(archive, f"{name[:40]}...", "has a path that is too long, too deep or no text")
    return path


def _unsafe(archive: Path, name: str, why: str) -> InputError:
    shown = name if name.isprintable() else repr(name)
    return InputError(f"{archive} is not safe to unpack: its member '{shown}' {why}; nothing was unpacked")
