"""A folder in which everything that README names exists: pictures, published weights by their names, models, tars."""

import tarfile
from pathlib import Path

import numpy as np
import tifffile
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.data.films import film
from tests.data.pictures import fill
from tests.inference.networks import nearest_model, tokenizer_model
from tests.interop.test_importing import written, written_cut
from tests.interop.test_tokenizer_weights import in_llamagens_names
from tests.interop.test_upscalers import swinir

FOLDERS = [
    "photos",
    "more_photos",
    "paintings",
    "horses",
    "bsds500/train/photo",
    "bsds500/val/photo",
    "FOLDER",
    "LARGE",
]
HORSE2ZEBRA = "data/unpaired/horse2zebra"
"""Where the published set lies as soon as it has been downloaded ($ADVLOSS_DATA is `data`)."""
SHARDS = 147


def fill_workplace(folder: Path, golden: Path) -> None:
    """Makes all of it in an empty folder. golden: what the reference implementations compute, with their weights."""
    for number, name in enumerate(FOLDERS):
        fill(folder / name, 3, 10 * number, 64, 72)
    fill(folder / "SMALL", 3, 100, 16, 18)
    for side in ("trainA", "trainB", "testA", "testB"):
        fill(folder / HORSE2ZEBRA / side, 2, 200, 40, 44)
    for name in ("Set5", "SET"):
        fill(folder / name / "HR", 2, 300, 48, 64)
        fill(folder / name / "LR_x4", 2, 400, 12, 16)
    Image.fromarray(np.full((40, 44, 3), 90, np.uint8)).save(folder / "zebra.jpg")
    Image.fromarray(np.pad(np.full((8, 8), 255, np.uint8), ((16, 16), (18, 18)))).save(folder / "mask.png")
    tifffile.imwrite(folder / "scan.tif", np.arange(24 * 32 * 3, dtype=np.uint16).reshape(24, 32, 3) * 20)
    film(str(folder / "ride.mp4"), size=(40, 44))
    _published_weights(folder, golden)
    _models(folder)
    _shards(folder)


def _published_weights(folder: Path, golden: Path) -> None:
    torch.manual_seed(0)
    written(golden, "cyclegan_resnet9", folder / "horse2zebra.pth")
    written_cut(folder / "latest_net_G.pth")
    written(golden, "rrdbnet_x4", folder / "RealESRGAN_x4plus.pth")
    torch.save({"params": swinir().state_dict()}, folder / "SwinIR.pth")
    tensors = load_file(golden / "vqgan.safetensors")
    weights = {key.removeprefix("weights."): tensor for key, tensor in tensors.items() if key.startswith("weights.")}
    torch.save({"model": in_llamagens_names(weights)}, folder / "vq_ds16_c2i.pt")


def _models(folder: Path) -> None:
    (folder / "runs/RUN").mkdir(parents=True)
    nearest_model(folder / "runs/RUN/model.safetensors", scale=4)
    (folder / "tokenizer").mkdir()
    tokenizer_model(folder / "tokenizer/model.safetensors")


def _shards(folder: Path) -> None:
    for number in range(SHARDS):
        with tarfile.open(folder / f"imagenet-{number:06}.tar", "w") as shard:
            shard.add(folder / "photos/000.png", f"{number}.png")
