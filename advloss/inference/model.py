"""A trained model: `advloss.load(path)` gives one, and needs nothing but the file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError, unknown
from advloss.data.formats import FieldFormat
from advloss.inference.abilities import check_is_model, unable
from advloss.inference.classifying import Classifier
from advloss.inference.generating import Sampler, Sampling
from advloss.inference.holes import filled
from advloss.inference.kinds import ImageLike, check_tensor, given
from advloss.inference.masks import MaskLike, mask_of
from advloss.inference.tiles.options import Overlap, Precision, TileOptions
from advloss.inference.tiles.tiler import Tiler
from advloss.inference.tokens.codes import decoded, encoded
from advloss.methods.base import Method
from advloss.methods.uses import (
    Classify,
    Direction,
    Generate,
    Inpaint,
    Tokenize,
    Tokenizing,
    Upscale,
    Use,
    translations,
)
from advloss.networks.layers.padding import apply_padded
from advloss.recipe.build_method import crop_sides
from advloss.recipe.formats import formats_of
from advloss.recipe.model_file import read_model
from advloss.recipe.schema import Recipe


class Model:
    """A trained method from a model file. It can do what the method declares in its `uses`.

    recipe: the whole recipe of its training; about: further facts of the file (`iteration`, `source`);
    file: where it was read from.

    `translate`, `upscale`, `reconstruct`, `tokenize`, `inpaint` and `classify` take an image as a path, PIL's image, an
    array (uint8, uint16, or floats in the training's range; [H, W] or [H, W, C]) or a tensor (float [C, H, W] or
    [B, C, H, W] in [-1, 1]), of any height and width, and give an image of the same kind; for a path, an array
    [H, W, C] with the model's bit depth, or if that is 8 with the file's. Grey is repeated for a model of three
    channels, and colours become their luma for a model of one. Alpha is laid over white, unless it is one of the
    channels that the model takes. Each raises InputError if the method does not declare the use, and for an image that
    the model can't take.
    """

    def __init__(self, method: Method, recipe: Recipe, about: dict[str, Any]) -> None:
        self.method = method
        self.recipe = recipe
        self.about = about
        self.file: Path | None = None

    @property
    def directions(self) -> list[str]:
        """The directions in which this model translates: `a2b`, `b2a`. A model file may hold one of them only."""
        return [*self._translations()]

    @property
    def scale(self) -> int:
        """Output pixels per input pixel along an axis: 1 for a translator."""
        return self.method.scale

    @property
    def factor(self) -> int:
        """f: the pixels along an axis for each code of a tokenizer."""
        return self.tokenizer("encode").factor

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.method.parameters()).device

    def to(self, device: str | torch.device) -> "Model":
        """Moves the weights."""
        self.method.to(device)
        return self

    def use(self, name: str, asked: str | None = None, file: str | Path = "this model") -> Use:
        """What the method declares of this use: translate, upscale, tokenize, generate, inpaint or classify.

        Raises InputError, with the right command, for a model without this use. asked: the verb for the message, by
        default `name`; file: the model's name in the message.
        """
        if name not in self.method.uses:
            raise unable(self.method, self.recipe.method.name, asked or name, file)
        return self.method.uses[name]

    def direction(self, name: str | None = None) -> Direction:
        """The direction of this name, by default the model's first one. Raises InputError for an unknown name."""
        self.use("translate")
        known = self._translations()
        if name is not None and name not in known:
            message = unknown("direction of this model", name, known)
            raise InputError(f"direction: {message}; a is what it was trained to translate from (data.direction)")
        return known[next(iter(known)) if name is None else name]

    def network(self, direction: Direction) -> nn.Module:
        """The network of a direction."""
        network: nn.Module = getattr(self.method, direction.network)
        return network

    def format(self, field: str) -> FieldFormat:
        """The format of a field's pictures in the model's training."""
        fields = self.method.declared_fields(self.recipe.method.parameters)
        return formats_of(self.recipe.data, fields)[field]

    def translate(self, image: ImageLike, direction: str | None = None) -> Any:
        """The translated image, of the same size and kind; a tensor on the model's device.

        direction: `a2b` or `b2a`; the model's first one if not given. The same image gives the same result each time,
        also where the recipe keeps dropout on at inference. Raises InputError for an unknown direction.
        """
        way = self.direction(direction)
        taken = given("translate", image, self.format(way.takes))
        with torch.no_grad(), self._seeded():
            made = apply_padded(self.network(way), taken.tensor.to(self.device))
        return taken.image(made, self.format(way.gives))

    def upscale(
        self,
        image: ImageLike,
        *,
        tile: int | None = None,
        overlap: Overlap = None,
        precision: Precision = "fp32",
        ensemble: bool = False,
    ) -> Any:
        """The image `scale` times as large along each axis, of the same kind; a tensor on the model's device.

        tile, overlap, precision, ensemble: see `TileOptions`.
        """
        options = TileOptions(tile, overlap, precision, ensemble)
        way = cast(Upscale, self.use("upscale")).direction
        taken = given("upscale", image, self.format(way.takes))
        image = taken.tensor.to(self.device)
        made = Tiler(self.network(way), options, channels=image.shape[1], seed=self.recipe.seed)(image)
        return taken.image(made, self.format(way.gives))

    def reconstruct(self, image: ImageLike) -> Any:
        """The image encoded to codes and decoded again by a tokenizer, of the same size and kind."""
        self.tokenizer("reconstruct")
        taken = given("reconstruct", image, self.tokenized)
        height, width = taken.tensor.shape[-2:]
        return taken.image(self.decode(self.encode(taken.tensor), (height, width)), self.tokenized)

    def tokenize(self, image: ImageLike) -> Any:
        """A tokenizer's tokens of an image, int64 [H / f, W / f] (rounded up), or [..., n] with n codebooks.

        A tensor for a tensor, with its batch axis if it has one; else an array.
        """
        self.tokenizer("tokenize", codes=True)
        taken = given("tokenize", image, self.tokenized)
        return taken.codes(self.encode(taken.tensor))

    def sample(
        self, count: int, seed: int = 0, label: int | str | None = None, truncate: float | None = None
    ) -> Tensor:
        """`count` images of noise: [count, C, H, W] in [-1, 1], on the model's device.

        seed, label, truncate: see `Sampling`. Image i depends on them and on i alone. Raises InputError for what the
        model does not take.
        """
        return torch.stack(list(self.sampler(Sampling(seed, label, truncate)).images(count)))

    def generate(self, noise: Tensor, label: int | str | None = None) -> Tensor:
        """The images of noise of your own, float [N, size]: [N, C, H, W] in [-1, 1]. Raises InputError for another size
        of the noise. label: as for `sample`."""
        return self.sampler(Sampling(label=label)).of_noise(noise)

    def sampler(self, options: Sampling) -> Sampler:
        """What makes images of noise one after the other, also very many. Raises InputError as `sample` does."""
        use = cast(Generate, self.use("generate", "sample"))
        noise = self.method.declared_fields(self.recipe.method.parameters).get(use.direction.takes)
        network, labelled = self.network(use.direction), use.label is not None
        return Sampler(network, noise, options, labelled, self.classes(use.label), self.device)

    def inpaint(self, image: ImageLike, mask: MaskLike) -> Any:
        """The image with its holes filled, of the same kind and size. What lies outside of them stays as it was.

        mask: as large as the image, white in holes: a path, PIL's image, an array [H, W] (bool, levels, or 0 to 1) or
        a tensor [H, W], [1, H, W] or [B, 1, H, W] of 0 and 1. `holes` says how large ones are filled.
        """
        takes = self.format(cast(Inpaint, self.use("inpaint")).field)
        taken = given("inpaint", image, takes)
        masks = mask_of("inpaint", mask, taken.tensor)
        made = [self.filled(one[None], hole) for one, hole in zip(taken.tensor, masks, strict=True)]
        return taken.image(torch.cat(made), takes)

    def filled(self, image: Tensor, mask: Tensor) -> Tensor:
        """An image with its holes filled: [1, C, H, W] in [-1, 1]. mask: bool [H, W]."""
        self.use("inpaint")
        method = cast(Any, self.method)
        with torch.no_grad(), self._seeded():
            return filled(image.to(self.device), mask, method.inpaint, crop_sides(method, self.recipe).ends[1])

    def classify(self, images: ImageLike | Sequence[ImageLike]) -> Tensor:
        """Logits of the classes, whose names `classes` has: [N, K], on the model's device, in the order of the images.

        images: one, several, or the path of a folder, whose pictures are taken in the order of their paths. Each is
        brought to the size of the training as in validation: resized as `data.resize` says, then its middle.
        """
        return self.classifier().logits_of(images)

    def classifier(self) -> Classifier:
        """What tells the classes of images, also of very many."""
        use = cast(Classify, self.use("classify"))
        method, data = cast(Any, self.method), self.recipe.data
        side = None if self.method.whole else crop_sides(self.method, self.recipe).ends[1]

        def classify(images: Tensor) -> Tensor:
            with torch.no_grad(), self._seeded():
                logits: Tensor = method.classify(images.to(self.device))
            return logits

        return Classifier(classify, self.format(use.field), data.resize, side)

    def classes(self, label: str | None = None) -> tuple[str, ...] | None:
        """The names of the classes in the training, of a label field or of the only one; None if they are not known."""
        known = self.recipe.data.classes or {}
        return tuple(known.get(label or next(iter(known), ""), ())) or None

    def encode(self, image: Tensor) -> Tensor:
        """image: [B, C, H, W] in [-1, 1], any H and W, mirrored to multiples of f; gives the indices of a tokenizer.

        They are int64 [B, H / f, W / f] (rounded up), or [B, H / f, W / f, n] with n codebooks. A model without codes
        (KL) gives its latents: the means [B, D, H / f, W / f]. On the CPU each image is encoded by itself, so that it
        has the same indices in every batch; this is also faster.
        """
        tokenizer = self.tokenizer("encode")
        check_tensor("encode", image, self.tokenized.channels)
        return encoded(tokenizer, image.to(self.device, torch.float32))

    def decode(self, codes: Tensor | np.ndarray, size: tuple[int, int]) -> Tensor:
        """codes: the result of `encode` for images of size (height, width); gives [B, C, height, width] in [-1, 1].

        An array of `tokenize` does as well, with an axis for the batch: `decode(tokens[None], (height, width))`.
        On the CPU each image is decoded by itself, as in `encode`. Raises InputError for indices of a wrong shape or
        out of range, and for a size that does not fit their shape.
        """
        return decoded(self.tokenizer("decode"), codes, size, self.device)

    @property
    def tokenized(self) -> FieldFormat:
        """The format of a tokenizer's training pictures."""
        return self.format(cast(Tokenize, self.use("tokenize", "encode")).field)

    def tokenizer(self, asked: str, codes: bool = False, file: str | Path = "this model") -> Tokenizing:
        """The method of a tokenizer; InputError, with the right command, for another model.

        asked: the verb for the message; codes: whether it must have codes (KL models have none).
        """
        self.use("tokenize", asked, file)
        tokenizer = cast(Tokenizing, self.method)
        if codes and tokenizer.codes is None:
            raise InputError(
                f"{file} has no codes, so there are no tokens: {self._bottleneck()} keeps real numbers; use `advloss "
                "reconstruct INPUT OUTPUT --model MODEL`, or Model.encode(image) for its latents"
            )
        return tokenizer

    def _bottleneck(self) -> str:
        component = self.recipe.networks.get("bottleneck")
        return f"its bottleneck, {component.name}," if component else "it"

    def _translations(self) -> dict[str, Direction]:
        declared = translations(self.method.uses)
        return {name: way for name, way in declared.items() if getattr(self.method, way.network) is not None}

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        """A context in which networks draw the same noise each time, and the global random state stays as it is."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self.recipe.seed)
            yield


def load(path: str | Path, device: str | torch.device = "cpu") -> Model:
    """The model in a `.safetensors` file that `advloss train` or `advloss import` wrote; its recipe comes with it.

    Raises InputError for a file that is missing, cut short, or no model of advloss.
    """
    check_is_model(path)
    try:
        model = Model(*read_model(Path(path))).to(device)
    except PermissionError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from None
    model.file = Path(path)
    return model
