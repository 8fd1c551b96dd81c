"""Unpacks archives. Nothing is written outside the folder, and a folder that exists is always whole."""

import gzip
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from advloss.core.errors import InputError

DAMAGED = (zipfile.BadZipFile, tarfile.ReadError, gzip.BadGzipFile, EOFError, zlib.error, NotImplementedError)


def unpack(archive: Path, folder: Path) -> Path:
    """Unpacks an archive as `folder`. If the archive holds a single folder, that folder's content is taken.

    It is unpacked under a temporary name in the same folder, then renamed. Call it in one process at a time. Raises
    `InputError`, before anything is written, for a member with an absolute path or `..`, or a link out of the archive.
    """
    temporary = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)  # what a killed process left
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        if archive.suffix == ".zip":
            _unpack_zip(archive, temporary)
        else:
            _unpack_tar(archive, temporary)
        top = [path for path in temporary.iterdir() if path.name != "__MACOSX"]
        whole = top[0] if len(top) == 1 and top[0].is_dir() else temporary
        whole.rename(folder)
    except DAMAGED as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{archive} is damaged ({why.removesuffix(':')}); remove it, and it will be downloaded again"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            if stat.S_ISLNK(member.external_attr >> 16):
                raise _unsafe(archive, member.filename, "is a link")
            _check_inside(archive, member.filename)
        file.extractall(folder)


def _unpack_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as file:
        for member in file.getmembers():
            _check_inside(archive, member.name)
            if member.issym():
                _check_inside(archive, member.linkname, PurePosixPath(member.name).parent)
            elif member.islnk():
                _check_inside(archive, member.linkname)
            elif not (member.isfile() or member.isdir()):
                raise _unsafe(archive, member.name, "is neither a file nor a folder")
        try:
            file.extractall(folder, filter="data")
        except tarfile.FilterError as error:
            raise InputError(f"{archive} is not safe to unpack: {error}; nothing was unpacked") from error


def _check_inside(archive: Path, name: str, parent: PurePosixPath | None = None) -> None:
    """Raises if `name`, read from the folder `parent` of the archive, leads out of it."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or (len(name) > 1 and name[1] == ":"):
        raise _unsafe(archive, name, "is an absolute path")
    if parent is None and ".." in path.parts:
        raise _unsafe(archive, name, "leads out of the archive")
    depth = 0
    for part in (parent or PurePosixPath()).parts + path.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            raise _unsafe(archive, name, "leads out of the archive")


def _unsafe(archive: Path, name: str, why: str) -> InputError:
    return InputError(f"{archive} is not safe to unpack: its member '{name}' {why}; nothing was unpacked")
