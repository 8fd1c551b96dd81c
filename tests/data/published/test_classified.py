"""Published sets with labels, from a server on this machine: their formats are read, and hashes and damage are told."""

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from advloss.core.errors import InputError
from advloss.data import open_data
from advloss.data.fields import Fields, Image, Label
from advloss.data.formats import FieldFormat
from advloss.data.published import classified
from tests.data.pictures import FIELDS
from tests.data.published.serving import Server, tar

LABELLED: Fields = {"image": Image("images"), "label": Label("images")}


def idx(array: np.ndarray) -> bytes:
    lengths = b"".join(length.to_bytes(4, "big") for length in array.shape)
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + lengths + array.tobytes())


def mnist(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), np.uint8), np.arange(
        count, dtype=np.uint8
    ) % 10


def served(server: Server, name: str, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    server.files |= {f"/{name}/{file}": content for file, content in files.items()}
    known = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
    monkeypatch.setitem(classified.SETS, name, replace(classified.SETS[name], files=known))


def idx_files() -> dict[str, bytes]:
    train, test = mnist(30, 0), mnist(20, 1)
    images, labels = classified.IDX["train"], classified.IDX["test"]
    return dict(zip((*images, *labels), map(idx, (*train, *test)), strict=True))


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_idx_files(server: Server, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    served(server, name, idx_files(), monkeypatch)
    data = open_data(name, LABELLED, size=32, seed=0)
    assert data.name == name and {split: len(each) for split, each in data.splits.items()} == {"train": 30, "test": 20}
    for split, (images, labels) in (("train", mnist(30, 0)), ("test", mnist(20, 1))):
        held = data.splits[split]
        np.testing.assert_array_equal(held.images["image"].read(7, FieldFormat(1))[..., 0], images[7])
        assert held.rows["label"].values.tolist() == labels.tolist()
        assert held.rows["label"].classes == classified.SETS[name].classes
    asked = len(server.asked)
    open_data(name, LABELLED, size=32, seed=0)
    assert len(server.asked) == asked == 4


def test_cifar10(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 3, 32, 32), np.uint8)
    labels = np.arange(12, dtype=np.uint8) % 10
    records = np.concatenate([labels[:, None], images.reshape(12, -1)], axis=1)
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    parts = {f"cifar-10-batches-bin/{name}": records[2 * i : 2 * i + 2].tobytes() for i, name in enumerate(names)}
    served(server, "cifar10", {"cifar-10-binary.tar.gz": tar(parts)}, monkeypatch)
    data = open_data("cifar10", LABELLED, size=32, seed=0)
    np.testing.assert_array_equal(data.train.images["image"].read(9), images[9].transpose(1, 2, 0))
    np.testing.assert_array_equal(data.splits["test"].images["image"].read(1), images[11].transpose(1, 2, 0))
    assert data.train.rows["label"].values.tolist() == labels[:10].tolist()
    assert data.train.rows["label"].classes is not None and data.train.rows["label"].classes[3] == "cat"


def test_without_a_network_the_missing_file_is_named(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = idx_files()
    served(server, "mnist", files, monkeypatch)
    monkeypatch.setenv("ADVLOSS_DATA_URL", "http://127.0.0.1:9")  # nobody listens there
    place = tmp_path / "cache" / "mnist"
    place.mkdir(parents=True)
    missing = "t10k-images-idx3-ubyte.gz"
    for file in files.keys() - {missing}:
        (place / file).write_bytes(files[file])
    with pytest.raises(InputError, match=f"Get the file by other means and put it at {place / missing}$"):
        open_data("mnist", LABELLED, size=32, seed=0)
    (place / missing).write_bytes(files[missing])
    assert len(open_data("mnist", LABELLED, size=32, seed=0).train) == 30


def test_another_file_is_refused_and_a_damaged_one_is_named(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served(server, "mnist", idx_files(), monkeypatch)
    server.files["/mnist/train-labels-idx1-ubyte.gz"] = idx(mnist(30, 2)[1])[:-2]
    with pytest.raises(InputError, match=r"train-labels-idx1-ubyte\.gz: its SHA-256 is .*, not the published"):
        open_data("mnist", LABELLED, size=32, seed=0)
    place = tmp_path / "cache" / "mnist" / "train-labels-idx1-ubyte.gz"
    place.write_bytes(server.files["/mnist/train-labels-idx1-ubyte.gz"])  # by hand
    with pytest.raises(InputError, match=r"train-images.* or .*train-labels.* is damaged"):
        open_data("mnist", LABELLED, size=32, seed=0)
    assert not list((tmp_path / "cache" / "prepared").glob("mnist"))


def test_a_method_of_two_domains_is_refused_before_the_download(server: Server) -> None:
    with pytest.raises(InputError, match="'mnist' holds pictures of one kind with labels, and this method needs two"):
        open_data("mnist", FIELDS["unpaired"], size=32, seed=0)
    assert server.asked == []


def test_the_published_hashes_are_of_sha256_and_addresses_are_https_first() -> None:
    for held in classified.SETS.values():
        assert held.hosts[0].startswith("https://")
        assert all(len(bytes.fromhex(known)) == 32 for known in held.files.values())
        assert {file for files in held.splits.values() for file in files} == held.files.keys()
