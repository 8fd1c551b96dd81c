"""What is uploaded: pictures and ZIPs are brought into the job's folder; all else is refused before it is decoded."""

import stat
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from advloss.core.errors import InputError
from advloss.demo.uploads import Limits, received
from tests.data.pictures import fill

LIMITS = Limits(bytes=10**6, pixels=10**6, pictures=5)


def huge(path: Path, height: int, width: int) -> Path:
    """A PNG of a few bytes whose header says so many pixels; it can't be decoded."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")))
    return path


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refused(files: list[Path], folder: Path, scale: int = 1, limits: Limits = LIMITS) -> str:
    with pytest.raises(InputError) as error:
        received(files, folder / "job" / "given", limits, scale)
    return str(error.value)


def test_a_picture_several_and_a_zip(tmp_path: Path) -> None:
    files = sorted(fill(tmp_path / "in", 3).iterdir())
    one = received(files[:1], tmp_path / "one" / "given", LIMITS)
    assert one == tmp_path / "one" / "given" / "000.png" and one.read_bytes() == files[0].read_bytes()
    several = received(files, tmp_path / "several" / "given", LIMITS)
    packed = zipped(tmp_path / "photos.ZIP", {f"photos/{file.name}": file.read_bytes() for file in files})
    unpacked = received([packed], tmp_path / "zip" / "given", LIMITS)
    for folder in (several, unpacked):
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
            file.name: file.read_bytes() for file in files
        }
    assert sorted(path.name for path in (tmp_path / "zip").iterdir()) == ["given"]


def test_a_picture_of_100_megapixels_is_refused_by_its_header(tmp_path: Path) -> None:
    file = huge(tmp_path / "large.png", 10_000, 10_000)
    said = refused([file], tmp_path)
    assert "large.png: is 10000x10000 pixels, 100 megapixels, and this page takes 1;" in said and "--megapixels" in said


def test_the_result_is_bounded_too(tmp_path: Path) -> None:
    (file,) = fill(tmp_path / "in", 1, height=300, width=200).iterdir()
    assert received([file], tmp_path / "given", LIMITS, scale=4).name == "000.png"
    (file,) = fill(tmp_path / "larger", ["a.png"], height=300, width=210).iterdir()
    assert "a.png: would become 840x1200 pixels, 1.008 megapixels" in refused([file], tmp_path, scale=4)


def test_an_array_is_bounded_by_its_header(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((1001, 1000), np.uint8))
    assert "a.npy: is 1000x1001 pixels" in refused([tmp_path / "a.npy"], tmp_path)


def test_what_does_not_go_together(tmp_path: Path) -> None:
    files = sorted(fill(tmp_path / "in", 2).iterdir())
    archive = zipped(tmp_path / "a.zip", {"a.png": b""})
    other = fill(tmp_path / "other", ["000.png"])
    (tmp_path / "notes.txt").write_text("no picture")
    assert refused([], tmp_path) == "upload a picture, several pictures, or one .zip of pictures first"
    assert "a.zip" in refused([archive, files[0]], tmp_path)
    assert refused([tmp_path / "notes.txt"], tmp_path).startswith("notes.txt: is not named as a picture")
    assert "000.png: two of the files have this name" in refused([files[0], other / "000.png"], tmp_path)
    more = zipped(tmp_path / "more.zip", {f"{number}.png": files[0].read_bytes() for number in range(6)})
    assert refused([more], tmp_path) == "these are 6 pictures, and this page takes 5 at once"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../out.png", "'../out.png' leads out of the archive"),
        ("a/../../out.png", "leads out of the archive"),
        ("/etc/out.png", "is an absolute path"),
        ("C:\\out.png", "is an absolute path"),
        ("..\\out.png", "leads out of the archive"),
    ],
)
def test_a_zip_that_leads_out_of_the_folder(tmp_path: Path, name: str, said: str) -> None:
    archive = zipped(tmp_path / "bad.zip", {"a.png": b"x", name: b"x"})
    found = refused([archive], tmp_path)
    assert found.startswith("bad.zip is not safe to unpack: ") and said in found and str(tmp_path) not in found
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [archive]


def test_links_bombs_and_damage(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "'link.png' is a link" in refused([tmp_path / "link.zip"], tmp_path)
    bomb = zipped(tmp_path / "bomb.zip", {f"{number}.png": bytes(2 * 10**6) for number in range(6)})
    assert "more than 10,000,000 bytes would come out" in refused([bomb], tmp_path)
    whole = zipped(tmp_path / "whole.zip", {"a.png": bytes(1000)}).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:60])
    said = refused([tmp_path / "cut.zip"], tmp_path)
    assert said.startswith("cut.zip is damaged") and said.endswith("pack it again") and str(tmp_path) not in said
    assert not (tmp_path / "job" / "given").exists()


def test_a_file_without_a_header_is_left_to_the_command(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    assert received([tmp_path / "a.png"], tmp_path / "given", LIMITS).name == "a.png"
