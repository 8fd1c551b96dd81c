"""The members of a tar file that nobody vouches for, read by Python's tarfile through a file that has bounds.

tarfile believes the sizes in headers: a long name of 8 GB is read into memory, a negative size is read again for ever.
"""

import tarfile
from collections.abc import Iterator
from typing import BinaryIO, cast

READ_MOST = 2**20
"""Bytes that are read at once: no header of a picture's name is longer."""
ENDS = 8
"""How often the file may be read at its end before the reader counts as lost."""


class Unusable(ValueError):
    """A tar file whose headers say what can't be."""


class Bounded:
    """A seekable file of which no more than `most` bytes are read, and never many at once."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file, self._most, self._ends = file, most, 0

    def read(self, size: int = -1) -> bytes:
        """`size` bytes, fewer at the end. Raises Unusable for more than a header or a block of a file needs."""
        if not 0 <= size <= READ_MOST:
            raise Unusable(f"a header of it has a size of {size} bytes")
        data = self._file.read(size)
        self._ends += not data and size > 0
        if self._ends > ENDS:
            raise Unusable("a header of it leads beyond its end")
        return data

    def seek(self, place: int) -> int:
        """Goes to a place from the beginning. Raises Unusable for one that is negative or beyond the bound."""
        if not 0 <= place <= self._most:
            raise Unusable(f"a header of it leads to byte {place}")
        return self._file.seek(place)

    def tell(self) -> int:
        """The place in bytes from the beginning."""
        return self._file.tell()


def open_tar(file: BinaryIO, most: int) -> tarfile.TarFile:
    """A tar file for `members`. file: not compressed, or a decompressing file; most: bytes that are read of it."""
    return tarfile.open(fileobj=cast(BinaryIO, Bounded(file, most)), mode="r:")


def members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Its members, each checked before the next header is looked for. Raises Unusable and what tarfile raises."""
    before = -1
    for member in tar:
        if member.size < 0 or member.offset <= before:
            raise Unusable(f"the header of {member.name!r} has a size of {member.size} bytes")
        before = member.offset
        yield member
