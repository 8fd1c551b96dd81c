"""Downloads from a server on this machine: resumed, compared, unpacked safely, or refused with what to do."""

import errno
import hashlib
import io
import json
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advloss.core.errors import InputError
from advloss.data import known, open_any, open_data
from advloss.data.checksums_file import record
from advloss.data.download import fetch
from advloss.data.published import cityscapes
from advloss.data.published.sets import CLASSIFIED, NAMES, open_published
from advloss.data.published.unpack import unpack
from advloss.data.synthetic.points import POINT_SETS
from tests.data.pictures import FIELDS, picture
from tests.data.published.serving import Server, tar

DATA = np.random.default_rng(0).bytes(100_000)


def test_a_connection_that_is_cut_is_resumed(server: Server, tmp_path: Path) -> None:
    server.files["/x.zip"], server.cut = DATA, 30_000
    path = fetch([f"{server.url}/x.zip"], tmp_path / "x.zip")
    assert path.read_bytes() == DATA
    assert server.asked == [None, "bytes=30000-", "bytes=60000-", "bytes=90000-"]
    assert not list(tmp_path.glob("*.part"))


def test_a_part_left_by_an_earlier_run_is_continued(server: Server, tmp_path: Path) -> None:
    server.files["/x.zip"] = DATA
    (tmp_path / "x.zip.part").write_bytes(DATA[:70_000])
    assert fetch([f"{server.url}/x.zip"], tmp_path / "x.zip").read_bytes() == DATA
    assert server.asked == ["bytes=70000-"]


@pytest.mark.parametrize("kept", [len(DATA), len(DATA) + 5])
def test_a_part_as_long_as_the_file_or_longer(server: Server, tmp_path: Path, kept: int) -> None:
    server.files["/x.zip"] = DATA
    (tmp_path / "x.zip.part").write_bytes((DATA + b"extra")[:kept])
    assert fetch([f"{server.url}/x.zip"], tmp_path / "x.zip").read_bytes() == DATA


def test_a_server_without_range_starts_again(server: Server, tmp_path: Path) -> None:
    server.files["/x.zip"], server.ranges = DATA, False
    (tmp_path / "x.zip.part").write_bytes(b"z" * 70_000)
    assert fetch([f"{server.url}/x.zip"], tmp_path / "x.zip").read_bytes() == DATA


def test_a_server_that_always_cuts_is_given_up(server: Server, tmp_path: Path) -> None:
    server.files["/x.zip"], server.ranges, server.cut = DATA, False, 10
    with pytest.raises(InputError, match="the connection ended after 10 of 100000 bytes"):
        fetch([f"{server.url}/x.zip"], tmp_path / "x.zip")


def test_another_checksum_than_at_first_use(server: Server, tmp_path: Path) -> None:
    server.files["/x.zip"] = DATA
    path = fetch([f"{server.url}/x.zip"], tmp_path / "x.zip")
    record(path)
    assert json.loads((tmp_path / "checksums.json").read_text()) == {"x.zip": hashlib.sha256(DATA).hexdigest()}
    path.unlink()
    server.files["/x.zip"] = DATA[::-1]
    with pytest.raises(InputError, match=r"x\.zip: its SHA-256 is .* as at its first use.*checksums\.json"):
        fetch([f"{server.url}/x.zip"], tmp_path / "x.zip")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["checksums.json"]


def test_no_network(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVLOSS_DATA_URL", "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(InputError) as raised:
        open_data("horse2zebra", FIELDS["unpaired"], size=256, seed=0)
    assert "http://127.0.0.1:9/cyclegan/datasets/horse2zebra.zip" in str(raised.value)
    assert f"put it at {tmp_path / 'cache' / 'horse2zebra.zip'}" in str(raised.value)
    assert raised.value.exit_code == 2


def test_not_on_the_server(server: Server) -> None:
    with pytest.raises(InputError, match="404"):
        open_published("horse2zebra", kind="unpaired")
    assert len(server.asked) == 1  # not tried again


def _png(number: int, width: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture(number, 8, width)).save(buffer, "PNG")
    return buffer.getvalue()


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _unpaired(name: str) -> bytes:
    folders = [f"{name}/{split}{side}" for split in ("train", "test") for side in "AB"]
    return _zip({f"{folder}/{i}.png": _png(3 * k + i) for k, folder in enumerate(folders) for i in range(3)})


def _pairs(name: str) -> bytes:
    return tar({f"{name}/{split}/{i}.png": _png(i, 16) for split in ("train", "val") for i in range(3)})


def test_an_unpaired_set_by_name(server: Server, tmp_path: Path) -> None:
    server.files["/cyclegan/datasets/horse2zebra.zip"] = _unpaired("horse2zebra")
    data = open_data("horse2zebra", FIELDS["unpaired"], size=256, seed=0)
    assert (data.name, tuple(data.titles.values()), list(data.splits)) == (
        "horse2zebra",
        ("horses", "zebras"),
        ["train", "test"],
    )
    np.testing.assert_array_equal(data.train.images["b"].read(2), picture(5, 8, 8))
    open_data("horse2zebra", FIELDS["unpaired"], size=256, seed=0)
    assert len(server.asked) == 1
    with pytest.raises(InputError, match=r"'horse2zebra' has no pairs.*facades"):
        open_data("horse2zebra", FIELDS["pairs"], size=256, seed=0)


def test_a_first_download_that_is_no_archive_locks_nothing(server: Server, tmp_path: Path) -> None:
    address, cache = "/cyclegan/datasets/horse2zebra.zip", tmp_path / "cache"
    server.files[address] = b"<html>we are moving</html>"
    with pytest.raises(InputError, match=r"is damaged .*it was removed, run again to download it"):
        open_published("horse2zebra", kind="unpaired")
    server.files[address] = _unpaired("horse2zebra")
    assert len(open_published("horse2zebra", kind="unpaired").train.images["a"]) == 3
    (cache / "horse2zebra.zip").unlink()
    shutil.rmtree(cache / "unpaired" / "horse2zebra")
    server.files[address] = _unpaired("another")
    with pytest.raises(InputError, match=r"its SHA-256 is .* as at its first use"):
        open_published("horse2zebra", kind="unpaired")


@pytest.mark.parametrize("name", ["horse2zebra", "cityscapes"])
def test_a_cache_folder_that_can_not_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ADVLOSS_DATA", str(tmp_path / "file" / "x"))
    with pytest.raises(InputError, match=r"file/x: can't be written \(Not a directory\); set ADVLOSS_DATA to another"):
        open_published(name, kind="unpaired")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_is_full_or_read_only(server: Server, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refused(*arguments: object) -> None:
        raise OSError(code, os.strerror(code), "x.png")

    server.files["/cyclegan/datasets/horse2zebra.zip"] = _unpaired("horse2zebra")
    with monkeypatch.context() as patched, pytest.raises(InputError, match=f"cache: can't be .*{os.strerror(code)}"):
        patched.setattr(zipfile.ZipFile, "open", refused)
        open_published("horse2zebra", kind="unpaired")
    assert open_published("horse2zebra", kind="unpaired")
    monkeypatch.setattr(Path, "mkdir", refused)
    monkeypatch.setattr(Path, "open", refused)
    assert open_published("horse2zebra", kind="unpaired")  # a whole set needs nothing written


def test_a_download_that_can_not_be_written_is_not_tried_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/cyclegan/datasets/horse2zebra.zip"] = _unpaired("horse2zebra")
    (tmp_path / "cache" / "horse2zebra.zip.part").mkdir(parents=True)
    with pytest.raises(InputError, match="can't be written"):
        open_published("horse2zebra", kind="unpaired")
    assert len(server.asked) == 1


def test_what_a_killed_process_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / ".x.unpacking" / "half").mkdir(parents=True)
    (tmp_path / "x.zip").write_bytes(_zip({"x/1.png": b"1", "x/2.png": b"2"}))
    unpack(tmp_path / "x.zip", tmp_path / "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x", "x.zip"]
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["1.png", "2.png"]


def test_a_look_at_a_published_set_asks_once(server: Server, tmp_path: Path) -> None:
    for name in ("maps", "edges2shoes", "horse2zebra"):
        server.asked.clear()
        with pytest.raises(InputError, match="404"):
            open_any(name)
        assert len(server.asked) == 1
    server.files["/pix2pix/datasets/edges2shoes.tar.gz"] = _pairs("edges2shoes")
    assert open_any("edges2shoes").train.paired


def test_the_need_of_the_method_picks_the_form(server: Server) -> None:
    server.files["/cyclegan/datasets/maps.zip"] = _unpaired("maps")
    server.files["/pix2pix/datasets/maps.tar.gz"] = _pairs("maps")
    server.files["/pix2pix/datasets/edges2shoes.tar.gz"] = _pairs("edges2shoes")
    assert not open_published("maps", kind="unpaired").train.paired
    pairs = open_published("maps", kind="pairs")
    assert pairs.train.paired
    np.testing.assert_array_equal(pairs.train.images["a"].read(1), picture(1, 8, 16)[:, :8])
    shoes = open_published("edges2shoes", kind="unpaired")
    assert (shoes.train.paired, shoes.splits["val"].paired, tuple(shoes.titles.values())) == (
        False,
        True,
        ("edges", "shoes"),
    )


def test_an_archive_put_there_by_hand(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "apple2orange.zip").write_bytes(_unpaired("apple2orange"))
    assert len(open_published("apple2orange", kind="unpaired").train.images["a"]) == 3
    assert server.asked == []


def _zip_link() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo("x/link")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.zip", _zip({"x/ok.png": b"1", "../evil.png": b"2"})),
        ("x.zip", _zip({"x/../../evil.png": b"2"})),
        ("x.zip", _zip({"x\\..\\..\\evil.png": b"2"})),
        ("x.zip", _zip({"/tmp/evil.png": b"2"})),
        ("x.zip", _zip({"C:/evil.png": b"2"})),
        ("x.zip", _zip_link()),
        ("x.tar.gz", tar({"x/ok.png": b"1", "../evil.png": b"2"})),
        ("x.tar.gz", tar({"/evil.png": b"2"})),
        ("x.tar.gz", tar({"x/ok.png": b"1"}, ("x/link", "../../evil.png", tarfile.SYMTYPE))),
        ("x.tar.gz", tar({"x/ok.png": b"1"}, ("x/link", "/etc/passwd", tarfile.SYMTYPE))),
        ("x.tar.gz", tar({"x/ok.png": b"1"}, ("x/link", "../evil.png", tarfile.LNKTYPE))),
        ("x.tar.gz", tar({"x/ok.png": b"1"}, ("x/device", "", tarfile.CHRTYPE))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # not the bytes, which hold the time of day
)
def test_unsafe_archives(tmp_path: Path, name: str, data: bytes) -> None:
    inner = tmp_path / "inner" / "deep"
    inner.mkdir(parents=True)
    (inner / name).write_bytes(data)
    with pytest.raises(InputError, match=f"{name} is not safe to unpack: .*member.*nothing was unpacked"):
        unpack(inner / name, inner / "x")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [inner / name]
    assert [path.name for path in inner.iterdir()] == [name]


def test_an_unsafe_download_is_no_data_set(server: Server, tmp_path: Path) -> None:
    server.files["/cyclegan/datasets/monet2photo.zip"] = _zip({"../evil.png": b"1"})
    with pytest.raises(InputError, match="not safe"):
        open_published("monet2photo", kind="unpaired")
    assert not list(tmp_path.rglob("evil.png"))
    assert not (tmp_path / "cache" / "unpaired" / "monet2photo").exists()


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
@pytest.mark.parametrize("how", ["cut", "text"])
def test_damaged_archives(tmp_path: Path, name: str, how: str) -> None:
    whole = (_zip if name == "x.zip" else tar)({f"x/{i}.png": np.random.default_rng(i).bytes(5000) for i in range(4)})
    (tmp_path / name).write_bytes(whole[:9000] if how == "cut" else b"<html>sorry</html>")
    with pytest.raises(InputError, match=f"{name} is damaged .*remove it"):
        unpack(tmp_path / name, tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_cityscapes_says_what_to_get(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        open_published("cityscapes", kind="pairs")
    for part in (cityscapes.PHOTOS, cityscapes.LABELS, str(tmp_path / "cache"), "cityscapes-dataset.com"):
        assert part in str(raised.value)


def test_cityscapes_from_its_archives(server: Server, tmp_path: Path) -> None:
    photos, labels = {}, {}
    for split, count in (("train", 3), ("val", 2), ("test", 1)):
        for i in range(count):
            stem = f"{split}/bonn/bonn_{i:06d}_000019"
            photos[f"leftImg8bit/{stem}_leftImg8bit.png"] = _png(i, 16)
            labels[f"gtFine/{stem}_gtFine_color.png"] = _png(10 + i, 16)
            labels[f"gtFine/{stem}_gtFine_labelIds.png"] = _png(20 + i, 16)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / cityscapes.PHOTOS).write_bytes(_zip(photos))
    (tmp_path / "cache" / cityscapes.LABELS).write_bytes(_zip(labels | {next(iter(labels)): b"no picture"}))
    with pytest.raises(InputError, match=f"{cityscapes.PHOTOS} or .*{cityscapes.LABELS} is damaged"):
        open_published("cityscapes", kind="pairs")
    (tmp_path / "cache" / cityscapes.LABELS).write_bytes(_zip(labels))
    (tmp_path / "cache" / "prepared" / ".cityscapes.unpacking" / "trainA").mkdir(parents=True)  # by a killed process
    for kind, paired in (("pairs", True), ("unpaired", False)):
        data = open_published("cityscapes", kind=kind)
        assert [(name, len(split.images["a"]), split.paired) for name, split in data.splits.items()] == [
            ("train", 3, paired),
            ("test", 2, paired),
        ]
        assert data.train.images["a"].header(0).size == (256, 256)
    label = data.train.images["b"].read(1)
    assert {tuple(pixel) for pixel in label.reshape(-1, 3)} <= {tuple(p) for p in picture(11, 8, 16).reshape(-1, 3)}


def test_known_lists_every_set() -> None:
    drawn = {"stripes", "facades-like", "digits", "digits-colour", "digits-styles", *POINT_SETS}
    assert {name for name, _, _ in known()} == {*drawn, *NAMES, *CLASSIFIED}
    assert all(kind and description for _, kind, description in known())
