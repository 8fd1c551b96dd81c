"""Published sets of small pictures with labels: mnist, fashion-mnist, cifar10. Each becomes a file for each split.

The files are read here and not by torchvision.datasets, which unpickles CIFAR-10, and holds all pictures in memory.
"""

import gzip
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from advloss.data.array_sets.array_file import SUFFIX, write_array_file
from advloss.data.downloads import cache_folder
from advloss.data.published.addresses import mirrored
from advloss.data.published.unpack import whole
from advloss.data.tar_files import members, open_tar

Arrays = tuple[np.ndarray, np.ndarray]
"""Images uint8 [N, H, W] or [N, C, H, W], and labels int64 [N]."""
BYTES_MOST = 2**28
"""What comes out of one archive: CIFAR-10 has 184 MB."""
BLOCK = 2**20
DIGITS = tuple("0123456789")
CLOTHES = (
    *("T-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)
THINGS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class Classified:
    """A set. folder: of its files, on a mirror and in the cache folder. hosts: the addresses that the files lie below.

    files: the SHA-256 of each, from TensorFlow Datasets (tensorflow_datasets/url_checksums). splits: for each split the
    names of the files that `read` takes.
    """

    title: str
    folder: str
    hosts: tuple[str, ...]
    files: dict[str, str]
    splits: dict[str, tuple[str, ...]]
    read: Callable[[tuple[Path, ...], str], Arrays]
    classes: tuple[str, ...]


def prepare(name: str, folder: Path) -> Path:
    """Downloads a set's files into the cache folder, and makes `folder` with train/NAME.safetensors and test/ of them.

    Raises InputError, which says which file is missing and where to put it.
    """
    from advloss.data.download import fetch  # late: a network library takes time to load

    held = SETS[name]
    for file, published in held.files.items():
        addresses = mirrored(f"{held.folder}/{file}", [f"{host}/{file}" for host in held.hosts])
        fetch(addresses, cache_folder() / held.folder / file, published)
    temporary = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)  # what a killed process left
    try:
        for split, files in held.splits.items():
            paths = tuple(cache_folder() / held.folder / file for file in files)
            with whole(*paths):
                images, labels = held.read(paths, split)
                if len(images) != len(labels) or not 0 <= labels.min() <= labels.max() < len(held.classes):
                    raise ValueError(f"{len(images)} pictures and {len(labels)} labels")
            (temporary / split).mkdir(parents=True)
            write_array_file(temporary / split / f"{name}{SUFFIX}", images, labels, held.classes)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _from_idx(paths: tuple[Path, ...], split: str) -> Arrays:
    """MNIST's format: two zeros, the type (8: uint8), the number of axes, each axis's length (4 bytes), the bytes."""
    images, labels = map(_idx, paths)
    return images, labels.astype(np.int64)


def _idx(path: Path) -> np.ndarray:
    with gzip.open(path) as file:
        held = file.read(BYTES_MOST)
    if held[:3] != b"\0\0\x08":
        raise ValueError("it is no idx file of bytes")
    axes = held[3]
    shape = np.frombuffer(held, ">u4", axes, 4)
    return np.frombuffer(held, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _from_cifar(paths: tuple[Path, ...], split: str) -> Arrays:
    """CIFAR-10's binary format: for each picture a byte for its class, then 3 x 32 x 32 bytes."""
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] if split == "train" else ["test_batch.bin"]
    with gzip.open(paths[0]) as file, open_tar(cast(BinaryIO, file), BYTES_MOST) as tar:
        parts = {Path(one.name).name: _bytes(tar, one) for one in members(tar) if Path(one.name).name in names}
    records = np.concatenate([np.frombuffer(parts[name], np.uint8).reshape(-1, 3073) for name in names])
    return np.ascontiguousarray(records[:, 1:]).reshape(-1, 3, 32, 32), records[:, 0].astype(np.int64)


def _bytes(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    if file is None:
        raise ValueError(f"{member.name} is no file")
    return b"".join(iter(lambda: file.read(BLOCK), b""))


IDX: dict[str, tuple[str, ...]] = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
SETS = {
    "mnist": Classified(
        "handwritten digits, 28 x 28, grey",
        "mnist",
        ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist"),
        {
            "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
        IDX,
        _from_idx,
        DIGITS,
    ),
    "fashion-mnist": Classified(
        "clothes, 28 x 28, grey",
        "fashion-mnist",
        (
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        ),
        {
            "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
        IDX,
        _from_idx,
        CLOTHES,
    ),
    "cifar10": Classified(
        "photographs of ten things, 32 x 32",
        "cifar10",
        ("https://www.cs.toronto.edu/~kriz",),
        {"cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
        dict.fromkeys(("train", "test"), ("cifar-10-binary.tar.gz",)),
        _from_cifar,
        THINGS,
    ),
}
