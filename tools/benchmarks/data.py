"""Images/s of the training loader, which keeps uint8 in memory, against decoding and resizing them in the loop."""

import argparse
import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms

from advloss.data import open_data
from advloss.data.fields import Image as ImageField
from advloss.data.loading.loader import Loader
from advloss.data.loading.scaling import to_images
from tools.benchmarks.measuring import floors, measure

RATIO = 10
"""How many times more images the loader makes in one measurement, since it is at least that much faster."""


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--images", type=int, default=32, help="JPEG files a side, made for the purpose")
    parser.add_argument("--file-size", type=int, default=256, help="of these files, in pixels")
    parser.add_argument("--load", type=int, default=286, help="what they are resized to, in pixels")
    parser.add_argument("--crop", type=int, default=256, help="what is cut out, in pixels")
    parser.add_argument("--batch", type=int, default=1, help="images a side")
    parser.add_argument("--pairs", type=int, default=9, help="of alternating measurements")
    parser.add_argument("--files", type=int, default=32, help="that the loop decodes in one measurement")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Both give float32 in [-1, 1], cropped and flipped at random, on one thread."""
    threads, cv2_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_files(folder, arguments.images, arguments.file_size)
            return compared(arguments, folder)
    finally:
        torch.set_num_threads(threads)
        cv2.setNumThreads(cv2_threads)


def compared(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Images/s of both and their ratio."""
    counts = {"kept": arguments.files * RATIO, "decoded": arguments.files}
    loader, decoder = kept(arguments, folder), decoded(arguments, folder)
    device = torch.device("cpu")
    actions = [taking(images, counts[name]) for name, images in (("kept", loader), ("decoded", decoder))]
    measure.alternating(*actions, device, 1)
    measure.reset_peak(device)
    ours, plain = measure.alternating(*actions, device, arguments.pairs)
    mine = measure.spread([counts["kept"] / each for each in ours])
    other = measure.spread([counts["decoded"] / each for each in plain])
    peak = measure.peak_bytes(device)
    floor = (1 + 4) * 3 * arguments.crop**2 / peak  # a byte is read and a float32 written for each value
    return {
        "images_per_second": mine,
        "images_per_second_decoded_in_the_loop": other,
        "ratio_of_medians": mine["median"] / other["median"],
        "threads": 1,
        "peak_bytes_per_second": peak,
        "floor_seconds_an_image": floor,
        "ratio_to_floor": 1 / (mine["median"] * floor),
    } | floors.memory(device)


def make_files(folder: Path, count: int, size: int) -> None:
    """trainA and trainB with `count` JPEG files each: smooth noise, which takes as long to decode as a photograph."""
    random = np.random.default_rng(0)
    for side in ("trainA", "trainB"):
        (folder / side).mkdir()
        for number in range(count):
            coarse = Image.fromarray(random.integers(0, 256, (size // 8, size // 8, 3), np.uint8))
            pixels = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), np.int16)
            noisy = (pixels + random.integers(-8, 9, pixels.shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / side / f"{number:04d}.jpg", quality=90)


def kept(arguments: argparse.Namespace, folder: Path) -> Iterator[Tensor]:
    """The training loader's batches, one side after the other: [B, 3, crop, crop] in [-1, 1]."""
    opened = open_data(folder, {"a": ImageField("a"), "b": ImageField("b")}, size=arguments.load, seed=0)
    loader = Loader(
        opened.train,
        load=arguments.load,
        crop=arguments.crop,
        batch=arguments.batch,
        seed=0,
        memory="on",
        say=lambda sentence: None,
    )
    for batch in loader.batches():
        yield to_images(batch["a"])
        yield to_images(batch["b"])


def decoded(arguments: argparse.Namespace, folder: Path) -> Iterator[Tensor]:
    """The usual transforms of Pillow and torchvision, file after file."""
    chain = transforms.Compose(
        [
            transforms.Resize((arguments.load, arguments.load), transforms.InterpolationMode.BICUBIC),
            transforms.RandomCrop(arguments.crop),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ]
    )
    for path in itertools.cycle(sorted(folder.rglob("*.jpg"))):
        with Image.open(path) as image:
            yield chain(image.convert("RGB"))[None]


def taking(batches: Iterator[Tensor], images: int) -> Callable[[], None]:
    """Takes at least that many images."""

    def take() -> None:
        taken = 0
        while taken < images:
            taken += len(next(batches))

    return take
