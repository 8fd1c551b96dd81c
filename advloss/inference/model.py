"""A trained model in use: `advloss.load(path)` and nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.inference.tiles.tiler import Tiler
from advloss.interop.upscalers import foreign_network
from advloss.methods.base import Method
from advloss.methods.super_resolution import SuperResolution
from advloss.methods.tokenizer import Tokenizer
from advloss.recipe.model_file import KEY, read_model
from advloss.recipe.schema import Recipe


class Model:
    """A method from a model file, ready to translate, to upscale, or to make tokens and pictures of them.

    recipe: the whole recipe it was trained with; about: what else the file says (`iteration`, `source`).
    """

    def __init__(self, method: Method, recipe: Recipe, about: dict[str, Any]) -> None:
        self.method = method
        self.recipe = recipe
        self.about = about

    @property
    def directions(self) -> list[str]:
        """The directions this model can translate in: `a2b`, `b2a`."""
        return self.method.known_directions

    @property
    def scale(self) -> int:
        """Output pixels per input pixel along an axis: 1 for a translator."""
        return self.method.scale

    @property
    def factor(self) -> int:
        """Pixels along an axis that one place of a tokenizer's codes stands for: f."""
        return int(self.tokenizer("encode").encoder.multiple)  # type: ignore[arg-type]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.method.parameters()).device

    def to(self, device: str | torch.device) -> "Model":
        """Moves the weights."""
        self.method.to(device)
        return self

    def translate(self, image: Tensor, direction: str | None = None) -> Tensor:
        """image: [B, 3, H, W] in [-1, 1], any H and W; gives the same shape and range, on the model's device.

        direction: `a2b` or `b2a`; the model's first one if not given. The same image gives the same picture each time,
        also where the recipe keeps dropout on in use. Raises InputError for a wrong shape, type or direction, and where
        the model is one that enlarges.
        """
        self.check_translates()
        _check_image("translate", image)
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self.recipe.seed)
            return self.method.translate(image.to(self.device, torch.float32), direction or self.directions[0])

    def upscale(self, image: Tensor, **options: Any) -> Tensor:
        """image: [B, 3, H, W] in [-1, 1], any H and W; gives [B, 3, scale H, scale W], on the model's device.

        options: those of `Tiler` (`tile`, `overlap`, `precision`, `ensemble`); without them it computes in float32, in
        tiles as large as the free memory takes. Raises InputError for a wrong shape or type, and where the model is a
        translator.
        """
        self.check_upscales()
        _check_image("upscale", image)
        return self.tiler(**{"precision": "fp32", **options})(image.to(self.device, torch.float32))

    def tiler(self, direction: str | None = None, **options: Any) -> Tiler:
        """The engine that runs the network of one direction (the first if not given) in tiles; options: `Tiler`'s."""
        network = self.method.network(direction or self.directions[0])
        return Tiler(network, **{"seed": self.recipe.seed, **options})

    @torch.no_grad()
    def encode(self, image: Tensor) -> Tensor:
        """image: [B, 3, H, W] in [-1, 1], any H and W, mirrored to multiples of f; gives the indices of a tokenizer.

        They are int64 [B, H / f, W / f] (rounded up), or [B, H / f, W / f, n] where n codebooks choose for each place.
        A KL model, which has no codes, gives its latents: the means [B, D, H / f, W / f]. On the CPU the images go
        through one by one, so that an image has the same indices in every batch (it is faster, too). Raises InputError
        for a wrong shape or type, and where the model is no tokenizer.
        """
        tokenizer = self.tokenizer("encode")
        _check_image("encode", image)

        def encoded(image: Tensor) -> Tensor:
            bottled = tokenizer.encode(image)
            if not bottled.latent.isfinite().all():
                raise InputError("the encoder's output is not a number in places")
            return bottled.latent if bottled.indices is None else bottled.indices

        return _apart(encoded, image.to(self.device, torch.float32))

    @torch.no_grad()
    def decode(self, codes: Tensor, size: tuple[int, int]) -> Tensor:
        """codes: what `encode` gave of images of this size, (height, width); gives [B, 3, height, width] in [-1, 1].

        On the CPU one by one, as `encode`. Raises InputError for indices of a wrong shape or out of range, for a size
        that they are not of, and where the model is no tokenizer.
        """
        tokenizer = self.tokenizer("decode")
        _check_codes(codes, size, self.factor, tokenizer.bottleneck.codes is not None)
        codes = codes.to(self.device)
        if tokenizer.bottleneck.codes is not None:
            return _apart(lambda one: tokenizer.decode(one, size), codes)
        height, width = size
        return _apart(lambda one: tokenizer.decoder(one)[..., :height, :width], codes.float())

    def reconstruct(self, image: Tensor) -> Tensor:
        """image: [B, 3, H, W] in [-1, 1], any H and W; gives what the decoder makes of its codes, of the same shape.

        Raises InputError as `encode` does.
        """
        self.tokenizer("reconstruct")
        _check_image("reconstruct", image)
        height, width = image.shape[-2:]
        return self.decode(self.encode(image), (height, width))

    def tokenizer(self, asked: str, codes: bool = False, file: str | Path = "this model") -> Tokenizer:
        """The method of a tokenizer; InputError, with the right command, for another model.

        asked: what it was to do, in one word; codes: whether it must have codes, as KL models have not.
        """
        if not isinstance(self.method, Tokenizer):
            raise self._unable(file, asked)
        if codes and self.method.bottleneck.codes is None:
            name = self.recipe.networks["bottleneck"].name
            raise InputError(
                f"{file} has no codes, so there are no tokens: its bottleneck, {name}, "
                "keeps real numbers; use `advloss reconstruct INPUT OUTPUT --model MODEL`, or Model.encode(image) for "
                "its latents"
            )
        return self.method

    def check_translates(self, file: str | Path = "this model") -> None:
        """InputError, with the right command, for a model that enlarges and for a tokenizer."""
        if isinstance(self.method, SuperResolution | Tokenizer):
            raise self._unable(file, "translate")

    def check_upscales(self, file: str | Path = "this model") -> None:
        """InputError, with the right command, for a translator and for a tokenizer."""
        if not isinstance(self.method, SuperResolution):
            raise self._unable(file, "upscale")

    def _unable(self, file: str | Path, asked: str) -> InputError:
        """The error for a model that can't do what it is asked, with the command for what it can."""
        if isinstance(self.method, SuperResolution):
            what = f"enlarges {self.scale} times, it does not {asked}"
            use = "`advloss upscale INPUT OUTPUT --model MODEL` or Model.upscale(image)"
        elif isinstance(self.method, Tokenizer):
            what = f"is a tokenizer, it does not {asked}"
            use = "`advloss reconstruct INPUT OUTPUT --model MODEL` or Model.reconstruct(image)"
        else:
            what = f"is a {self.recipe.method.name} model, it translates"
            use = "`advloss translate MODEL INPUT OUTPUT` or Model.translate(image)"
        return InputError(f"{file} {what}: use {use}")


def load(path: str | Path, device: str | torch.device = "cpu") -> Model:
    """The model in a `.safetensors` file that `advloss train` or `advloss import` wrote; its recipe comes with it.

    Raises InputError for a file that is missing, cut short, or no model of advloss.
    """
    try:
        return Model(*read_model(Path(path))).to(device)
    except PermissionError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from None


def load_upscaler(path: str | Path) -> nn.Module:
    """The enlarging network of a model file of ours, or of another project's file of weights; on the CPU, in eval mode.

    Raises InputError for a file that can't be read, that holds a translator, or a network that nobody here knows.
    """
    path = Path(path)
    if not _holds_recipe(path):
        return foreign_network(path)
    model = load(path)
    model.check_upscales(path)
    return model.method.network(model.directions[0])


def _holds_recipe(path: Path) -> bool:
    if path.suffix != ".safetensors":
        return False
    try:
        with safe_open(path, framework="pt") as file:
            return KEY in (file.metadata() or {})
    except FileNotFoundError:
        return False
    except (SafetensorError, OSError):
        return True  # the model file's reader says what is wrong


def _apart(function: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    """On the CPU, where nothing is gained by a batch, each of its items by itself.

    Convolutions may add in another order in a batch, and a latent at the edge of two codes falls to the other.
    """
    if batch.device.type != "cpu" or len(batch) < 2:
        return function(batch)
    return torch.cat([function(one) for one in batch.split(1)])


def _check_codes(codes: Tensor, size: tuple[int, int], f: int, has_codes: bool) -> None:
    """InputError for codes that are no [B, h, w], [B, h, w, n] or latents [B, D, h, w] of a picture of this size."""
    grid = tuple(codes.shape[1:3] if has_codes else codes.shape[2:4])
    right = tuple(-(-side // f) for side in size)
    if min(size) < 1 or grid != right:
        what = "indices [B, h, w]" if has_codes else "latents [B, D, h, w]"
        raise InputError(
            f"decode: {what} of shape {list(codes.shape)} are not of a picture of {size[0]} x {size[1]} pixels "
            f"(height x width): at {f} pixels a token it has {right[0]} x {right[1]}"
        )


def _check_image(what: str, image: Tensor) -> None:
    if image.ndim != 4 or image.shape[1] != 3 or not image.is_floating_point() or image.numel() == 0:
        raise InputError(f"{what}: takes float images [B, 3, H, W] in [-1, 1], not {image.dtype} {list(image.shape)}")
    if not image.abs().max() <= 1.5:  # or not a number
        low, high = image.min().item(), image.max().item()
        raise InputError(f"{what}: takes images in [-1, 1], these reach from {low:.3g} to {high:.3g}")
