#!/usr/bin/env python3
"""Runs that are made sick on purpose, and healthy ones: what the doctor says of each. The table of docs/doctor.md.

    python tools/doctor_trials.py --out docs/doctor/trials.json
    python tools/doctor_trials.py --only dead_start oscillation --seeds 0 --work /tmp/trials

Each trial is a recipe of recipes/, shortened, with the settings that stand here, trained as `advloss train` does. Of a
sick one the rule of its name should speak, at most 200 iterations after the onset, where its illness begins. Of a
healthy one no rule should. What another rule says of a sick run besides is written down too: one illness may show in
several ways.

--work: a folder for the runs; their logs are kept there, and a run that has ended is not trained again.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # also where advloss is not installed

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from torch import Tensor  # noqa: E402

from advloss.core.storage.json_lines import entries  # noqa: E402
from advloss.networks.generators.dcgan import DCGAN  # noqa: E402
from advloss.recipe import components  # noqa: E402
from advloss.recipe.resolve import resolve  # noqa: E402
from advloss.recipe.text.source import read  # noqa: E402
from advloss.training.doctor.rules import found_in  # noqa: E402
from advloss.training.start import train  # noqa: E402
from tools.benchmarks.measuring import report  # noqa: E402

WITHIN = 200
"""Iterations after the onset in which a rule should speak."""
FEW = "few"
"""The folder of the few digits of `overfitted`."""


class OnePicture(DCGAN):
    """A generator that hardly looks at its noise: it makes one picture."""

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """As DCGAN's, of a hundredth of the noise's differences."""
        return super().forward(z[:1].detach() + 0.01 * z, label)


class Uneven(DCGAN):
    """A generator whose last layer reaches each second pixel alone."""

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """As DCGAN's, with -1 in every other place, as on a checkerboard."""
        made = super().forward(z, label)
        rows, columns = (torch.arange(side, device=made.device) for side in made.shape[2:])
        return torch.where((rows[:, None] + columns) % 2 == 0, made, -torch.ones_like(made))


class Perfect(DCGAN):
    """A generator that nobody could tell from the data: its images are real ones of `few/bank`."""

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """The image whose number the noise says, with a graph to the weights."""
        bank = _bank().to(z.device)
        return bank[(z[:, 0].abs() * 1e5).long() % len(bank)] + 0 * super().forward(z, label)


@cache
def _bank() -> Tensor:
    """The images of `few/bank`: [N, 1, H, W] in [-1, 1]."""
    return torch.stack([_read(path) for path in sorted(Path(FEW, "bank").glob("*.png"))])


def _read(path: Path) -> Tensor:
    """A grey PNG file as [1, H, W] in [-1, 1]."""
    return torch.from_numpy(np.array(Image.open(path), dtype=np.float32))[None] / 127.5 - 1


class Hard(DCGAN):
    """A generator with a tanh of far too large inputs."""

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """As DCGAN's, a thousand times as far from 0, up to +-1."""
        return torch.tanh(1000 * super().forward(z, label))


SICK_GENERATORS = {"one_picture": OnePicture, "uneven": Uneven, "perfect": Perfect, "hard": Hard}


@dataclass(frozen=True)
class Trial:
    """recipe, settings: what is trained. onset: the iteration in which the illness begins. iterations: at most 300 for
    a sick run."""

    recipe: str
    settings: tuple[str, ...]
    onset: int = 0
    iterations: int = 300


DIGITS = ("data.name=digits", "data.memory=off")
COLOUR = ("data.name=digits-colour", "data.memory=off", "data.channels=3")
STRIPES = ("data.name=stripes", "data.memory=off", "metrics={}")
FACADES = ("data.name=facades-like", "data.memory=off", "metrics={}")
PICTURES = ("data.memory=off", "data.batch=4", "data.crop=32", "metrics={}")
EARLY = ("losses.adversarial.start=100", "losses.adversarial.ramp=50", "losses.adversarial.discriminator_start=50")

SICK: dict[str, Trial] = {
    "discriminator_wins": Trial("dcgan-small", (*DIGITS, "optimizer.lr=1e-6", "optimizer.discriminator={lr: 2e-3}")),
    "generator_wins": Trial("dcgan-small", (*DIGITS, "optimizer.lr=2e-3", "optimizer.discriminator={lr: 1e-7}")),
    "mode_collapse": Trial("dcgan-small", (*DIGITS, "networks.generator.name=one_picture", "optimizer.lr=5e-4")),
    "codebook_collapse": Trial(
        "vqgan-small", (*STRIPES, *PICTURES, *EARLY, "networks.bottleneck={name: vq, codes: 4096, channels: 8}")
    ),
    "no_effect": Trial("pix2pix-small", (*FACADES, "losses.adversarial.weight=1e-3")),
    "ruins_reconstruction": Trial(
        "vqgan-small", (*STRIPES, *PICTURES, *EARLY, "weighting=fixed", "losses.adversarial.weight=30"), onset=100
    ),
    "oscillation": Trial("lsgan-small", (*DIGITS, "optimizer.lr=0.08")),
    "dead_start": Trial(
        "dcgan-small",
        (
            *DIGITS,
            "losses.adversarial.objective=hinge",
            "losses.adversarial.discriminator.norm=none",
            "optimizer.lr=1e-5",
            "optimizer.discriminator={lr: 1e-6}",
        ),
    ),
    "rate_too_high": Trial("lsgan-small", (*DIGITS, "optimizer.lr=0.1")),
    "unbounded_critic": Trial("wgan-gp-small", (*DIGITS, "losses.adversarial.penalties=[]", "optimizer.lr=1e-3")),
    "overfitted": Trial(
        "dcgan-small",
        (
            *(f"data.image={FEW}/train", f"data.val_image={FEW}/val", "data.batch=16"),
            *("networks.generator.name=perfect", "optimizer.discriminator={lr: 1e-3}"),
            "losses.adversarial.discriminator={name: dcgan, width: 32, layers: 3, norm: none}",
        ),
    ),
    "not_normalised": Trial("dcgan-small", (*DIGITS, "data.range=[0, 2000]")),
    "checkerboard": Trial("dcgan-small", (*COLOUR, "networks.generator.name=uneven")),
    "saturated": Trial("dcgan-small", (*COLOUR, "networks.generator.name=hard")),
}
HEALTHY: dict[str, Trial] = {
    "points": Trial("points", ("data.name=ring",), iterations=600),
    "dcgan-small": Trial("dcgan-small", DIGITS),
    "lsgan-small": Trial("lsgan-small", DIGITS),
    "wgan-gp-small": Trial("wgan-gp-small", DIGITS, iterations=150),
    "r3gan-small": Trial("r3gan-small", DIGITS),
    "aae-small": Trial("aae-small", (*DIGITS, "metrics={}")),
    "cyclegan-small": Trial("cyclegan-small", STRIPES),
    "pix2pix-small": Trial("pix2pix-small", FACADES),
    "vqgan-small": Trial("vqgan-small", (*STRIPES, *PICTURES, *EARLY)),
    "srgan-small": Trial("srgan-small", (*STRIPES, *PICTURES, "initial=null")),
}


def trained(name: str, trial: Trial, seed: int) -> Path:
    """The log of a trial, trained in the present folder unless it is there already."""
    folder = Path("runs") / name / str(seed)
    log = folder / "log.jsonl"
    if (folder / "ended").exists():
        return log
    source = read(trial.recipe)
    often = ("train.log_every=20", "samples=[]", "train.validate_every=100000", "train.checkpoint_every=100000")
    for setting in (*trial.settings, *often, f"seed={seed}"):
        source.override(setting)
    source.override(f"train.iterations={trial.iterations}")
    shutil.rmtree(folder, ignore_errors=True)  # of a trial that was stopped
    train(resolve(source), folder, resume=False, device="cpu", say=lambda sentence: None)
    (folder / "ended").touch()
    return log


def spoken(log: Path) -> dict[str, int]:
    """Which rules speak, each with its iteration, where a log is read again."""
    return {finding.rule: iteration for iteration, finding in found_in(entries(log, []))}


def few_digits(folder: Path) -> None:
    """24 digits to train on, 64 others to validate on, and 200 further ones, as PNG files."""
    from advloss.data import open_data
    from advloss.data.fields import Image as Field

    if folder.exists():
        return
    data = open_data("digits", {"image": Field("images")}, size=32, seed=0)
    for split, first, count in (("train", 0, 24), ("val", 100, 64), ("bank", 200, 200)):
        (folder / split).mkdir(parents=True)
        for number in range(first, first + count):
            values = data.train.images["image"].read(number)
            Image.fromarray(np.asarray(values)[..., 0]).save(folder / split / f"{number}.png")


def main(words: list[str] | None = None) -> int:
    """Trains the trials and writes what was said of them."""
    words = sys.argv[1:] if words is None else words
    arguments = parser().parse_args(words)
    if arguments.table:
        print("\n".join(table(json.loads(arguments.table.read_text())["result"]["trials"])))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        out = arguments.out.resolve() if arguments.out else None
        work = (arguments.work or Path(temporary)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        os.chdir(work)
        few_digits(Path(FEW))
        components.GENERATORS |= SICK_GENERATORS
        rows = [row for seed in arguments.seeds for row in measured(arguments.only, seed)]
    report.publish(report.document("doctor", words, {"within": WITHIN, "trials": rows}, "tools/doctor_trials.py"), out)
    return 0


def table(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The rows as a table of docs/doctor.md: a line for each sick run, and one for each healthy recipe."""
    lines = ["| run | recipe | its rule | other rules |", "|---|---|---|---|"]
    healthy: dict[str, list[str]] = {}
    for row in rows:
        words = {rule: f"{rule} ({iteration})" for rule, iteration in row["said"].items()}
        if row["kind"] == "sick":
            own = f"after iteration {row['said'][row['name']]}" if row["right"] else "**missed**"
            others = ", ".join(said for rule, said in words.items() if rule != row["name"]) or "-"
            lines.append(f"| {row['name']}, from {row['onset']} | `{row['recipe']}` | {own} | {others} |")
        else:
            healthy.setdefault(row["name"], []).append(", ".join(words.values()) or "silent")
    lines += [f"| healthy, {len(found)} seeds | `{name}` | - | {'; '.join(found)} |" for name, found in healthy.items()]
    return lines


def measured(only: list[str], seed: int) -> list[dict[str, Any]]:
    """A row for each trial with this seed; sick ones have seed 0 alone."""
    rows = []
    for kind, trials in (("sick", SICK), ("healthy", HEALTHY)):
        for name, trial in trials.items():
            if name not in only or (kind == "sick" and seed != 0):
                continue
            said = spoken(trained(f"{kind}-{name}", trial, seed))
            right = within(said, name, trial) if kind == "sick" else not said
            rows.append(
                {
                    "kind": kind,
                    "name": name,
                    "recipe": trial.recipe,
                    "settings": list(trial.settings),
                    "seed": seed,
                    "iterations": trial.iterations,
                    "onset": trial.onset,
                    "said": said,
                    "right": right,
                }
            )
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def within(said: dict[str, int], rule: str, trial: Trial) -> bool:
    """Whether the rule has spoken after the onset, and soon enough."""
    return rule in said and trial.onset <= said[rule] <= trial.onset + WITHIN


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = [*SICK, *HEALTHY]
    whole.add_argument("--only", nargs="+", choices=every, default=every, help="of the trials")
    whole.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="of the healthy trials (0 1 2)")
    whole.add_argument("--work", type=Path, help="the folder for the runs, which are then kept")
    whole.add_argument("--out", type=Path, help="the JSON file to write, besides printing it")
    whole.add_argument("--table", type=Path, help="train nothing: print the table of this JSON file")
    return whole


if __name__ == "__main__":
    sys.exit(main())
