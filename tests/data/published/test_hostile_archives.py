"""Archives that nobody vouches for: unpacked whole inside the folder, or refused in one sentence."""

import gzip
import io
import random
import struct
import tarfile
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from advloss.core.errors import InputError
from advloss.data.published import unpack as module
from advloss.data.published.unpack import unpack

PICTURE = random.Random(0).randbytes(900)


def _tar(*members: tarfile.TarInfo, format_: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format_) as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(PICTURE * (member.size // len(PICTURE) + 1)))
    return buffer.getvalue()


def _member(name: str, size: int = len(PICTURE), kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = size if kind == tarfile.REGTYPE else 0, kind, link
    return member


def _zip(members: dict[str, bytes], mode: int = 0, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, method
            archive.writestr(info, data)
    return buffer.getvalue()


def _header(name: str = "x/1.png", size: bytes = b"", kind: bytes = b"0", content: bytes = b"") -> bytes:
    """A tar header whose size may be anything, with the right checksum."""
    field = size or f"{len(content):011o}".encode() + b"\0"
    raw = bytearray(name.encode().ljust(100, b"\0") + b"0000644\0" * 3 + field.ljust(12, b"\0") + b"0" * 11 + b"\0")
    raw += b" " * 8 + kind + bytes(100) + b"ustar  \0" + bytes(247)
    raw[148:156] = f"{sum(raw):06o}\0 ".encode()
    return bytes(raw) + content + bytes(-len(content) % 512)


NEGATIVE = (-99_999).to_bytes(12, "big", signed=True)
HUGE = b"\x80" + struct.pack(">Q", 8 * 2**30).rjust(11, b"\0")
LONG_PATH = "/".join(["d" * 247] * 16)
"""A folder of nearly 4,096 bytes: where links within links pass it, Python 3.11.7's filter looks no further."""
ESCAPE = [
    *[_member("/".join(["d" * 247] * depth), kind=tarfile.DIRTYPE) for depth in range(1, 17)],
    _member(f"{LONG_PATH}/l", kind=tarfile.SYMTYPE, link="../" * 16),
    _member("escape", kind=tarfile.SYMTYPE, link=f"{LONG_PATH}/l/../../outside"),
    _member("escape/evil.png"),
]
TARS = {
    "link within": _tar(_member("x/1.png"), _member("x/l", kind=tarfile.SYMTYPE, link="1.png")),
    "hard link within": _tar(_member("x/1.png"), _member("x/l", kind=tarfile.LNKTYPE, link="x/1.png")),
    "link to itself": _tar(_member("x", kind=tarfile.SYMTYPE, link="x"), _member("x/1.png")),
    "too long a path for the filter": _tar(*ESCAPE),
    "pipe": _tar(_member("x/p", kind=tarfile.FIFOTYPE)),
    "device": _tar(_member("x/d", kind=tarfile.BLKTYPE)),
    "folder and file": _tar(_member("x/1.png"), _member("x/1.png/2.png")),
    "file that is the folder": _tar(_member(".")),
    "deep": _tar(_member("d/" * 400 + "1.png"), format_=tarfile.PAX_FORMAT),
    "long": _tar(_member("x" * 3000 + "/1.png")),
    "negative size": _header(size=NEGATIVE) + _header(content=PICTURE),
    "huge size": _header(size=HUGE),
    "long name of a negative size": _header("././@LongLink", NEGATIVE, b"L") + _header(),
    "long name of 8 GB": _header("././@LongLink", HUGE, b"L") + _header(),
    "pax header of a negative size": _header("p", NEGATIVE, b"x") + _header(),
    "pax header of 8 GB": _header("p", HUGE, b"x") + _header(),
    "headers in headers": _header("././@LongLink", kind=b"L", content=b"n") * 3000 + _header(),
    "sparse": _header("p", kind=b"x", content=b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n")
    + _header(content=str(10**18).encode().ljust(512, b"1")),
    "a size in a pax header": _header("p", kind=b"x", content=b"15 size=-99999\n") + _header(content=PICTURE),
    "nothing": bytes(10240),
    "no bytes": b"",
}
ZIPS = {
    "link": _zip({"x/l": b"/etc/passwd"}, 0o120777),
    "device": _zip({"x/l": b""}, 0o060666),
    "pipe": _zip({"x/l": b""}, 0o010666),
    "absolute": _zip({"/x/1.png": PICTURE}),
    "drive": _zip({"C:\\x\\1.png": PICTURE}),
    "up": _zip({"x/1.png": PICTURE, "x/../../1.png": PICTURE}),
    "up with other slashes": _zip({"x\\..\\..\\1.png": PICTURE}),
    "folder and file": _zip({"x/1.png": PICTURE, "x/1.png/2.png": PICTURE}),
    "deep": _zip({"d/" * 400 + "1.png": PICTURE}),
    "long": _zip({"x/" + "n" * 5000: PICTURE}),
    "escapes": _zip({"../\x1b[2J.png": PICTURE}),
    "nothing": _zip({}),
}


def _unpacked(folder: Path, name: str, data: bytes) -> bool:
    """Whether the archive was unpacked. Checks that it was refused in one sentence with nothing written otherwise."""
    place = folder / "in" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    began, done = time.monotonic(), False
    try:
        unpack(place, place.parent / "x")
        done = True
    except InputError as error:
        said = str(error)
        assert said.startswith(str(place)) and "\n" not in said and said.isprintable() and len(said) < 600
    except OSError as error:  # a name that this disk does not take; `_made` says so
        assert error.errno is not None and error.filename is not None
    assert time.monotonic() - began < 5
    left = {path for path in folder.rglob("*") if path.is_file() or path.is_symlink()}
    assert not any(path.is_symlink() for path in left)
    outside = {path for path in left if not path.is_relative_to(place.parent / "x")}
    assert outside == {place} and (done or not (place.parent / "x").exists())
    return done


@pytest.mark.parametrize("kind", TARS)
@pytest.mark.parametrize("compressed", [False, True], ids=["tar", "tar.gz"])
def test_tars_that_are_refused(tmp_path: Path, kind: str, compressed: bool) -> None:
    assert not _unpacked(tmp_path, "x.tar.gz", gzip.compress(TARS[kind], 1) if compressed else TARS[kind])


@pytest.mark.parametrize("kind", ZIPS)
def test_zips_that_are_refused(tmp_path: Path, kind: str) -> None:
    assert not _unpacked(tmp_path, "x.zip", ZIPS[kind])


def test_what_would_come_out_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMALL", 2**16)
    zeros = bytes(2**20)
    for name, data in (("x.zip", _zip({"x/1.png": zeros})), ("x.tar.gz", gzip.compress(_header(content=zeros)))):
        place = tmp_path / name
        place.write_bytes(data)
        with pytest.raises(
            InputError, match=r"not safe to unpack: more than 65,536 bytes would come out of its \d,\d+"
        ):
            unpack(place, tmp_path / "x")
    monkeypatch.setattr(module, "SMALL", 2**24)
    monkeypatch.setattr(module, "MEMBERS_MOST", 5)
    (tmp_path / "x.zip").write_bytes(_zip({f"x/{i}.png": PICTURE for i in range(6)}))
    with pytest.raises(InputError, match="more than 5 members"):
        unpack(tmp_path / "x.zip", tmp_path / "x")
    monkeypatch.setattr(module, "MEMBERS_MOST", 6)
    monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=5000))
    with pytest.raises(InputError, match=r"5,400 bytes have no room in .*, where 5,000 are free"):
        unpack(tmp_path / "x.zip", tmp_path / "x")


def test_what_is_plain_is_unpacked_to_the_byte(tmp_path: Path) -> None:
    members = ["a/1.png", "a/b/2.png", "a/\u00e9\u65e5.png", "a/" + "n" * 150 + ".png"]
    archives = {
        "x.zip": _zip(dict.fromkeys(members, PICTURE)),
        "s.zip": _zip(dict.fromkeys(members, PICTURE), 0o100644, zipfile.ZIP_STORED),
        "x.tar": _tar(*map(_member, members)),
        "x.tar.gz": gzip.compress(_tar(_member("./", kind=tarfile.DIRTYPE), *map(_member, members))),
        "p.tar.gz": gzip.compress(_tar(*map(_member, members), format_=tarfile.PAX_FORMAT)),
    }
    for name, data in archives.items():
        (tmp_path / name).write_bytes(data)
        folder = unpack(tmp_path / name, tmp_path / f"{name}-unpacked")
        found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert found == {one.removeprefix("a/"): PICTURE for one in members}


def test_fuzzed_archives(tmp_path: Path) -> None:
    """600 archives with flipped, cut, repeated and exchanged bytes, half of them in their headers."""
    chosen, unpacked, count = random.Random(15), 0, 600
    plain = ["x/1.png", "x/b/2.png", "x/" + "n" * 120 + ".png"]
    bases = {
        "x.zip": [_zip(dict.fromkeys(plain, PICTURE)), ZIPS["up"], ZIPS["link"]],
        "x.tar": [_tar(*map(_member, plain)), _tar(*map(_member, plain), format_=tarfile.PAX_FORMAT), *TARS.values()],
    }
    for number in range(count):
        name = ("x.zip", "x.tar", "x.tar.gz")[number % 3]
        kept = bases["x.zip" if name == "x.zip" else "x.tar"]
        data = bytearray(kept[chosen.choice([0, 0, 1, chosen.randrange(len(kept))])])
        for _ in range(chosen.choice([1, 1, 2, 8])):
            _mutate(data, chosen)
        packed = gzip.compress(bytes(data), 1) if name == "x.tar.gz" and number % 2 else bytes(data)
        folder = tmp_path / str(number)
        unpacked += _unpacked(folder, name, packed)
    assert count // 20 < unpacked < count // 2


def _mutate(data: bytearray, chosen: random.Random) -> None:
    if not data:
        return
    place = chosen.choice([chosen.randrange(len(data)), chosen.randrange(min(len(data), 600)), -chosen.randrange(200)])
    place %= len(data)
    match chosen.randrange(6):
        case 0:
            data[place] ^= 1 << chosen.randrange(8)
        case 1:
            del data[place:]
        case 2:
            data[place : place + 8] = chosen.choice([NEGATIVE[:8], b"\0" * 8, b"\xff" * 8, b"7" * 8])
        case 3:
            data[place:place] = data[place : place + chosen.randrange(1024)]
        case 4:
            del data[place : place + chosen.randrange(1, 600)]
        case 5:
            data[place : place + 12] = chosen.choice([NEGATIVE, HUGE])
