"""cityscapes as CycleGAN and pix2pix use it. The user must download its two archives, because of its licence."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from advloss.core.errors import InputError
from advloss.data.published.unpack import whole
from advloss.images.reading import Picture
from advloss.images.writing import write_picture

PHOTOS, LABELS = "leftImg8bit_trainvaltest.zip", "gtFine_trainvaltest.zip"
PHOTO_END, LABEL_END = "_leftImg8bit.png", "_gtFine_color.png"
SIZE = 256
"""In pixels, both sides."""
SPLITS = {"train": "train", "val": "test"}
"""The papers test on what cityscapes calls val; its own test has no labels."""


def prepare(cache: Path, folder: Path) -> Path:
    """Makes trainA/ and testA/ (photographs), trainB/ and testB/ (labels of the same names) in `folder`."""
    absent = [name for name in (PHOTOS, LABELS) if not (cache / name).exists()]
    if absent:
        raise InputError(
            f"cityscapes can't be downloaded, because of its licence: get {PHOTOS} and {LABELS} from "
            f"https://www.cityscapes-dataset.com (an account is needed) and put them into {cache} "
            f"(missing there: {', '.join(absent)})"
        )
    temporary = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)  # what a killed process left
    archives = cache / PHOTOS, cache / LABELS
    try:
        with (
            whole(*archives, advice="get it again"),
            zipfile.ZipFile(archives[0]) as photos,
            zipfile.ZipFile(archives[1]) as labels,
        ):
            _convert(photos, labels, temporary)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _convert(photos: zipfile.ZipFile, labels: zipfile.ZipFile, folder: Path) -> None:
    known = set(labels.namelist())
    for source, split in SPLITS.items():
        names = sorted(name for name in photos.namelist() if f"/{source}/" in name and name.endswith(PHOTO_END))
        partners = [name.replace("leftImg8bit", "gtFine", 1).replace(PHOTO_END, LABEL_END) for name in names]
        pairs = [pair for pair in zip(names, partners, strict=True) if pair[1] in known]
        if not pairs:
            raise InputError(f"{photos.filename} and {labels.filename} hold no {source} pictures with their labels")
        for side in "AB":
            (folder / f"{split}{side}").mkdir(parents=True)
        for name, partner in tqdm(pairs, desc=f"cityscapes {split}", unit="pair"):
            stem = Path(name).name.removesuffix(PHOTO_END)
            photo = _small(photos, name, Image.Resampling.BICUBIC)
            write_picture(folder / f"{split}A" / f"{stem}.jpg", photo)
            write_picture(folder / f"{split}B" / f"{stem}.png", _small(labels, partner, Image.Resampling.NEAREST))


def _small(archive: zipfile.ZipFile, name: str, method: Image.Resampling) -> Picture:
    with archive.open(name) as file, Image.open(file, formats=["PNG"]) as image:
        return Picture(np.asarray(image.convert("RGB").resize((SIZE, SIZE), method)))
