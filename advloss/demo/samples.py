"""Images and vectors of noise on the page, by the functions of `advloss sample`."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from advloss.core.errors import InputError
from advloss.data.fields import Noise
from advloss.demo.bench import Bench, Job, packed
from advloss.demo.models import Opened
from advloss.demo.previews import enlarged
from advloss.evaluation.scatter import scatter
from advloss.images.formats import PNG
from advloss.inference.files.convert import Writing
from advloss.inference.files.sampling import makes_vectors, sample_files, sample_grid, sample_vectors, sample_walk
from advloss.inference.generating import Sampling
from advloss.methods.uses import Generate

GRID, WALK, SEPARATE, VECTORS = "one picture", "an animation from each to the next", "a file each, as ZIP", "one .npy"
COUNT_MOST, STEPS_MOST = 256, 60
"""Images at once, and images on the way from one to the next."""
WALK_MOST = 16
"""Images that an animation passes."""


def forms(one: Opened) -> list[str]:
    """The ways in which this model's samples can be given."""
    if makes_vectors(one.model):
        return [VECTORS]
    return [GRID, SEPARATE, WALK] if _channels(one) in (1, 3, 4) else [GRID, SEPARATE]


def truncates(one: Opened) -> bool:
    """Whether the model's noise is normal, so that it can be truncated."""
    use = one.model.use("generate")
    assert isinstance(use, Generate)
    noise = one.model.method.declared_fields(one.model.recipe.method.parameters)[use.direction.takes]
    return isinstance(noise, Noise) and noise.distribution == "normal"


def sample(
    bench: Bench, job: Job, one: Opened, form: str, count: int, seed: int, label: str | None, truncate: float | None
) -> tuple[str | None, list[str]]:
    """What is shown, and the files to download, as `advloss sample` writes them. form: one of `forms`."""
    _check("images", count, COUNT_MOST)
    options, writing = Sampling(seed, label, truncate), Writing()
    if form == VECTORS:
        file = job.made / "vectors.npy"
        sample_vectors(one.model, file, count, options, writing)
        shown = _plane(file, job.shown / "vectors.png")
    elif form == SEPARATE:
        summary = sample_files(one.model, job.made, count, options, writing, say=job.lines.append)
        summary.check()
        sample_grid(one.model, job.shown / f"grid{_suffix(one)}", count, options, writing)
        file = packed(job.made, job.folder / f"{one.name}-{count}.zip")
        shown = enlarged(job.shown / f"grid{_suffix(one)}", job.shown / "shown.png")
    else:
        file = job.made / f"grid{_suffix(one)}"
        sample_grid(one.model, file, count, options, writing)
        shown = enlarged(file, job.shown / "shown.png")
    job.lines.append(f"{count} of seed {seed}")
    return (bench.publish(shown)[0] if shown is not None else None), bench.publish(file)


def walk(
    bench: Bench, job: Job, one: Opened, count: int, steps: int, seed: int, label: str | None, truncate: float | None
) -> tuple[str | None, list[str]]:
    """As `sample`: an animation, as `advloss sample --interpolate` writes it."""
    _check("images", count, WALK_MOST, least=2)
    _check("steps", steps, STEPS_MOST, least=2)
    file = job.made / "walk.webp"
    sample_walk(one.model, file, count, steps, Sampling(seed, label, truncate), Writing())
    job.lines.append(f"from each of {count} images to the next in {steps} steps, seed {seed}")
    published = bench.publish(file)
    return published[0], published


def _check(what: str, number: int, most: int, least: int = 1) -> None:
    if not least <= number <= most:
        raise InputError(f"{what}: {number}; this page makes {least} to {most:,} at once")


def _channels(one: Opened) -> int:
    use = one.model.use("generate")
    assert isinstance(use, Generate)
    return one.model.format(use.direction.gives).channels


def _suffix(one: Opened) -> str:
    """The extension of a picture that can hold what the model makes."""
    use = one.model.use("generate")
    assert isinstance(use, Generate)
    gives = one.model.format(use.direction.gives)
    return ".npy" if gives.depth == "float" or gives.channels not in PNG.channels else ".png"


def _plane(file: Path, to: Path) -> Path | None:
    """A picture of vectors of two numbers; None for other vectors."""
    vectors = torch.from_numpy(np.load(file))
    if vectors.shape[1] != 2:
        return None
    Image.fromarray(scatter({"samples": vectors}).permute(1, 2, 0).numpy()).save(to)
    return to
