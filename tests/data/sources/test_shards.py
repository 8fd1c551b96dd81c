"""Pictures in shards: read in place, in an order of their own that is a function of (seed, epoch) alone."""

import io
import itertools
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from advloss.core.errors import InputError
from advloss.data import DataSet, open_any, open_data, short_name
from advloss.data.check import check
from advloss.data.formats import RGB8
from advloss.data.loading.cache import Sizes
from advloss.data.loading.loader import Loader
from advloss.data.sampling.crops import View
from advloss.data.sampling.sampler import Sampler
from advloss.data.sources import shard_index as shard_index_module
from advloss.data.sources import shards
from advloss.data.sources.pieces import Pieces
from advloss.data.sources.shards import ShardValues, looked_at
from advloss.images.reading import UnreadableImage
from tests.data.pictures import PAIRS, SINGLE, UNPAIRED, fill, picture

webdataset = pytest.importorskip("webdataset")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where indices are kept; pieces are as small as the sets of these tests need."""
    monkeypatch.setenv("ADVLOSS_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(shards, "PIECE", 4)
    monkeypatch.setattr(shards, "WINDOW", 8)
    return tmp_path / "cache" / "shards"


def encoded(pixels: np.ndarray, kind: str = "png") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def written(folder: Path, count: int = 3, each: int = 10, size: int = 24) -> Path:
    """Shards set-000.tar, ... as webdataset writes them; picture n is `picture(n)`. Gives the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(count):
        with webdataset.TarWriter(str(folder / f"set-{shard:03d}.tar")) as tar:
            for number in range(shard * each, (shard + 1) * each):
                made = {"png": encoded(picture(number, size, size)), "cls": b"7", "json": b"{}"}
                tar.write({"__key__": f"class{shard}/{number:06d}", **made})
    return folder


def packed(path: Path, members: dict[str, bytes], form: int = tarfile.USTAR_FORMAT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def opened(name: Path | str, **options: object) -> DataSet:
    options = {"fields": SINGLE, "size": 32, "seed": 0} | options
    return open_data(name, **options)  # type: ignore[arg-type]


def source_of(name: Path | str) -> ShardValues:
    source = opened(name).train.images["b"]
    assert isinstance(source, ShardValues)
    return source


@pytest.mark.parametrize(
    "name", ["set-{000..002}.tar", "set-*.tar", ".", "set-{000,001}.tar::set-002.tar", "set-00[0-2].tar"]
)
def test_the_pictures_are_those_that_webdataset_reads(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(written(tmp_path / "shards"))
    source = source_of(name)
    stream = webdataset.WebDataset([str(path) for path in source.shards], shardshuffle=False)
    theirs = [(sample["__key__"], sample["png"]) for sample in stream]
    assert len(source) == len(theirs) == 30
    for number, (key, content) in enumerate(theirs):
        assert source.name(number).endswith(f"set-00{number // 10}.tar/{key}.png")
        assert encoded(source.read(number)) == content
        np.testing.assert_array_equal(source.read(number), picture(number))
    assert (source.header(29).size, source.path(29), source.header(3).mode) == ((24, 24), None, "8-bit RGB")


def test_paths_below_home_and_one_shard_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(written(tmp_path)))
    assert len(source_of("~/set-{000..001}.tar")) == 20
    assert len(source_of("~/set-*.tar")) == 30
    assert len(source_of(tmp_path / "set-001.tar")) == 10


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_of_every_kind(tmp_path: Path, form: int):
    long = "d" * 90 + "/" + "n" * 60 + ".JPEG"
    one, deep = encoded(picture(1)), np.full((5, 6), 40000, np.uint16)
    members = {
        "./a.b/1.png": one,
        long: encoded(picture(2), "jpeg"),
        "2.mask.png": one,
        "2.cls": b"3",
        "._3.png": one,
        "4.Tif": encoded(deep, "tiff"),
        "none": b"",
    }
    source = source_of(packed(tmp_path / "x.tar", members, form))
    assert [source.name(n).removeprefix(f"{tmp_path}/x.tar/") for n in range(len(source))] == [
        "./a.b/1.png", long, "4.Tif",
    ]  # fmt: skip
    np.testing.assert_array_equal(source.read(0), picture(1))
    assert np.abs(source.read(1).mean() - picture(2).mean()) < 5
    assert (source.read(2) == 156).all() and source.read(2).shape == (5, 6, 3)  # 40000 / 257, rounded
    assert source.notes == ["1 pictures in shards have two extensions and are skipped, such as 2.mask.png"]


def test_splits_and_validation(tmp_path: Path):
    written(tmp_path / "set" / "train")
    fill(tmp_path / "set" / "val", 2, 100)
    data = opened(tmp_path / "set")
    assert {name: len(split.images["b"]) for name, split in data.splits.items()} == {"train": 30, "val": 2}
    written(tmp_path / "more", 1, 5)
    for val in (tmp_path / "more", tmp_path / "more" / "set-{000..000}.tar"):
        data = opened(tmp_path / "set" / "train" / "set-{000..001}.tar", val=val)
        assert {name: len(split.images["b"]) for name, split in data.splits.items()} == {"train": 20, "val": 5}
        assert data.name == "set"
    fill(tmp_path / "set" / "train", 3)  # an archive in the folder of its pictures is not a second set
    assert len(opened(tmp_path / "set").train.images["b"]) == 3


def test_what_shards_are_called():
    assert [
        short_name(name)
        for name in (
            "a/imagenet-{000000..000146}.tar",
            "a/b/*.tar",
            Path("a/x.tar"),
            "photos/mine",
            "{0..3}.tar",
            "a.tgz",
        )
    ] == ["imagenet", "b", "x", "mine", "shards", "a"]


def batches(name: Path, count: int, start: int = 0, **changed: object) -> list[torch.Tensor]:
    options = {"load": 24, "crop": 16, "batch": 4, "seed": 3, "resize": "none", "memory": "off", "say": str} | changed
    made = Loader(opened(name).train, **options).batches(start)  # type: ignore[arg-type]
    taken = [batch["b"] for batch in itertools.islice(made, count)]
    made.close()  # type: ignore[attr-defined]
    return taken


def test_batches_are_the_same_however_they_are_made(tmp_path: Path):
    folder = written(tmp_path)
    whole = batches(folder, 16)  # two epochs of 7
    assert torch.equal(torch.stack(whole), torch.stack(batches(folder, 16, memory="on")))
    assert torch.equal(torch.stack(whole), torch.stack(batches(folder, 16, workers=2)))
    for start in range(1, 16):
        assert torch.equal(torch.stack(whole[start : start + 2]), torch.stack(batches(folder, 2, start)[: 16 - start]))
    halves = [batches(folder, 16, batch=2, rank=rank, world=2) for rank in range(2)]
    assert torch.equal(torch.stack(whole), torch.cat([torch.stack(half) for half in halves], 1))
    assert not torch.equal(whole[0], batches(folder, 1, seed=4)[0])


def test_an_epoch_shows_each_picture_once_from_a_few_pieces_at_a_time():
    ends = np.array([256, 300, 556, 812, 1000, *range(1256, 20000, 256)])
    pieces = Pieces(ends, 2048)
    order = Sampler((int(ends[-1]),), True, 32, 5, pieces=pieces)
    epochs = [
        np.array(
            [
                item.indices[0]
                for batch in range(order.per_epoch)
                for item in order.items(batch + epoch * order.per_epoch)
            ]
        )
        for epoch in range(2)
    ]
    drawn = [pieces.permutation(np.random.default_rng(seed)) for seed in range(2)]
    for numbers in drawn:
        assert sorted(numbers) == list(range(ends[-1]))
    assert not (drawn[0] == drawn[1]).all() and not (epochs[0] == epochs[1]).all()
    for numbers in epochs:
        assert len(set(numbers)) == len(numbers) == ends[-1] // 32 * 32
        of = np.searchsorted(ends, numbers, "right")
        for start in range(0, len(of) - 2047, 2048):
            window = of[start : start + 2048]
            assert len(set(window)) <= 2048 / 256 + 3  # of 76: those that fit, the short ones, and one at each end
            assert len(set(window[:256])) >= 5  # shuffled
        assert np.abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.5
    reads = len(set(np.searchsorted(ends, np.random.default_rng(0).permutation(ends[-1])[:2048], "right")))
    assert reads > 70  # what an order without pieces would read in


def test_pieces_lie_within_a_shard(tmp_path: Path):
    assert source_of(written(tmp_path)).pieces.ends.tolist() == [4, 8, 10, 14, 18, 20, 24, 28, 30]
    packed(tmp_path / "set-001.tar", {"a.cls": b""})
    assert source_of(tmp_path).pieces.ends.tolist() == [4, 8, 10, 14, 18, 20]


def test_the_index_is_kept_until_a_shard_changes(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch):
    folder = written(tmp_path / "shards")
    first = source_of(folder)
    assert len(list(cache.iterdir())) == 1
    read: list[Path] = []
    members = shard_index_module._members
    monkeypatch.setattr(shard_index_module, "_members", lambda path: (read.append(path), members(path))[1])
    again = source_of(folder)
    assert not read
    assert [again.name(n) for n in range(30)] == [first.name(n) for n in range(30)]
    np.testing.assert_array_equal(again.read(17), picture(17))
    packed(folder / "set-001.tar", {"1.png": encoded(picture(50))})
    assert len(source_of(folder)) == 21 and len(read) == 3
    for content in (b"", b"no index", next(cache.iterdir()).read_bytes()[:1000]):
        for kept in cache.iterdir():
            kept.write_bytes(content)
        assert len(source_of(folder)) == 21
    assert len(read) == 3 + 3 * 3


def test_without_a_cache_that_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("ADVLOSS_DATA", str(tmp_path / "file"))
    assert len(source_of(written(tmp_path / "shards"))) == 30


def test_a_damaged_picture_is_skipped_and_counted(tmp_path: Path):
    good = {f"{n:03d}.png": encoded(picture(n)) for n in range(100)}
    packed(tmp_path / "x.tar", good | {"007.png": good["007.png"][:200]})
    said: list[str] = []
    loader = Loader(opened(tmp_path).train, load=24, crop=16, batch=10, seed=3, memory="off", say=said.append)
    assert len(list(itertools.islice(loader.batches(), 10))) == 10
    assert [(skip.field, skip.index) for skip in loader.skipped] == [("b", 7)]
    assert said[0].startswith(f"skipped {tmp_path}/x.tar/007.png: truncated: ")
    packed(tmp_path / "x.tar", good | {"007.png": b"", "008.png": b"no picture"})
    loader = Loader(opened(tmp_path).train, load=24, crop=16, batch=10, seed=3, memory="off", say=said.append)
    with pytest.raises(InputError, match="2 of 100 pictures can't be read, more than 1%"):
        list(itertools.islice(loader.batches(), 10))


def test_a_shard_that_goes_or_shrinks_while_it_is_read(tmp_path: Path):
    source = source_of(written(tmp_path))
    path = tmp_path / "set-002.tar"
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(UnreadableImage, match=r"set-002\.tar/class2/000029\.png: truncated: the shard ends before it"):
        source.read(29)
    path.unlink()
    with pytest.raises(UnreadableImage, match=r"000029\.png: the shard is gone"):
        source.header(29)
    np.testing.assert_array_equal(source.read(19), picture(19))


def test_headers_of_a_sample_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = written(tmp_path, 3, 20)
    monkeypatch.setattr(shards, "LOOKED_AT", 6)
    data = opened(folder)
    source = data.train.images["b"]
    assert looked_at(source) == [0, 10, 20, 30, 40, 50]
    asked: list[int] = []
    header = ShardValues.header
    monkeypatch.setattr(ShardValues, "header", lambda self, index: (asked.append(index), header(self, index))[1])
    for resize, load, each in (("none", 16, 24 * 24), ("shorter", 12, 12 * 12), ("stretch", 9, 81)):
        sizes = Sizes.of(source, View(resize, load, 8, False), RGB8)  # type: ignore[arg-type]
        assert (sizes.count, sizes.bytes) == (60, 60 * 3 * each)
    report = check(data)
    assert set(asked) == {0, 10, 20, 30, 40, 50}
    assert report.rows == [["train", "b (pictures)", "60", "24x24", "8-bit RGB", "0", ""]]
    assert report.notes[-1] == "train: of 60 pictures in shards, 6 were looked at"
    packed(folder / "set-002.tar", {f"{n}.png": b"no" if n == 3 else encoded(picture(n)) for n in range(20)})
    report = check(open_any(folder), full=True)
    assert report.rows[0][5] == "1" and "set-002.tar/3.png" in report.problems[0]
    assert "pictures in shards" not in " ".join(report.notes)


def cut(size: int) -> Callable[[Path], object]:
    """Leaves so many bytes of the second shard."""
    return lambda folder: (path := folder / "set-001.tar").write_bytes(path.read_bytes()[:size])


def without_end(folder: Path) -> None:
    path = folder / "set-001.tar"
    with tarfile.open(path) as tar:
        tar.getmembers()
        end = tar.offset
    path.write_bytes(path.read_bytes()[:end])


def spoiled(folder: Path) -> None:
    path = folder / "set-001.tar"
    with tarfile.open(path) as tar:
        place = tar.getmembers()[9].offset
    content = bytearray(path.read_bytes())
    content[place : place + 100] = b"\xff" * 100
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("set-{000..004}.tar", None, r"2 of 5 shards are missing: \S*set-003.tar, \S*set-004.tar$"),
        ("set-{000..900}.tar", None, r"898 of 901 shards are missing: \S*003.tar, \S*004.tar, \S*005.tar, \.\.\."),
        ("other-*.tar", None, "1 of 1 shards are missing"),
        ("set-{000..00", None, "no such folder"),
        ("{set-000.tar", None, r"can't be understood as the name of shards"),
        ("${NOT_SET}/x.tar", None, r"can't be understood as the name of shards"),
        ("https://example.org/set-{000..002}.tar", None, r"https://example.org/set-000.tar: shards are read in place"),
        ("pipe:cat set-000.tar", None, "download them first"),
        (".", cut(20000), r"set-001.tar: no whole tar file \(unexpected end of data\)"),
        (".", cut(0), r"set-001.tar: no whole tar file \(empty file\)"),
        (".", without_end, r"set-001.tar: has no end mark .* after class1/000019.png: it was cut short"),
        (".", spoiled, r"set-001.tar: (no whole tar file|has no end mark .* it is damaged there)"),
        (".", lambda folder: (folder / "set-001.tar").write_bytes(b"\x1f\x8b" * 5000), r"unpack a \.tar\.gz"),
        ("one.tar", lambda folder: packed(folder / "one.tar", {"1.png": b"x"}), "holds 1 picture, and at least 2"),
        ("one.tar", lambda folder: packed(folder / "one.tar", {"1.x.png": b"x"}), r"skipped, such as 1\.x\.png"),
        ("one.tar", lambda folder: packed(folder / "one.tar", {}), r"holds no pictures \(.png"),
        ("*.tar", lambda folder: [packed(path, {"1.cls": b""}) for path in folder.iterdir()], "and 2 more shards hold"),
    ],
)  # fmt: skip
def test_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[Path], object], says: str
):
    monkeypatch.chdir(written(tmp_path / "shards", size=32))
    if change:
        change(tmp_path / "shards")
    with pytest.raises(InputError, match=says):
        opened(name)


def test_a_method_of_two_sides_takes_none(tmp_path: Path):
    with pytest.raises(InputError, match="all on one side, and this method needs two"):
        opened(written(tmp_path) / "set-{000..002}.tar", fields=UNPAIRED)
    with pytest.raises(InputError, match="holds no pictures that can be used"):
        opened(tmp_path, fields=PAIRS)


def test_the_library_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "webdataset.shardlists", None)
    with pytest.raises(InputError, match=r"pip install 'advloss\[webdataset\]'"):
        opened(written(tmp_path) / "set-{000..002}.tar")
