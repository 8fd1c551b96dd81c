"""docs/reference.md against the code: every part is listed, and every line selects what it says."""

import re
from pathlib import Path

import pytest

import advloss.losses.adversarial.augmentations as augmentations
import advloss.losses.adversarial.penalties as penalties
import advloss.losses.adversarial.weighting as weighting
from advloss.losses.adversarial.stabilisers.pool import Pool
from advloss.losses.adversarial.stabilisers.topk import TopK
from advloss.losses.adversarial.stabilisers.unroll import Unroll
from advloss.recipe import components
from advloss.recipe.build import Built, build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))
STABILISERS = {
    "pool": Pool,
    **augmentations.AUGMENTATIONS,
    "feature_matching": None,
    "matching": None,
    "pulling_away": None,
    "top_k": TopK,
    "unroll": Unroll,
    "real_first": None,
    "start": None,
    "ramp": None,
    "discriminator_start": None,
    "steps": None,
}
TABLES = {
    "Objectives": components.OBJECTIVES,
    "Penalties": penalties.PENALTIES,
    "Stabilisers": STABILISERS,
    "Weightings": weighting.WEIGHTINGS,
    "Discriminators": components.DISCRIMINATORS,
    "Losses": components.LOSSES,
    "Metrics": components.METRICS,
    "Generators": components.GENERATORS,
    "Degradations": components.DEGRADATIONS,
    "Bottlenecks": components.NETWORKS["bottleneck"],
}
BASES = {"Generators": "srresnet-small", "Degradations": "srresnet-small", "Bottlenecks": "vqgan-small"}
BASES_OF_NAMES = {
    "value": "vqgan-small",
    "cross_entropy": "dann",
    "accuracy": "dann",
    "shared_specific": "dann",
    "mmd": "wae-gan-small",
    "patch_nce": "cut-small",
}
FROM_NOISE = ("dcgan", "residual", "r3gan", "progan")
"""Generators of the method `generation`."""
PRETRAINED = ("lpips", "vgg", "style")
"""What would ask for weights that are not here."""

ON_FEATURES = ("projected", "dino")
"""Discriminators that would."""


def rows(section: str) -> dict[str, list[str]]:
    """The rows of a section's table by their names, without backticks."""
    lines = [line for line in SECTIONS[section].splitlines() if line.startswith("| `")]
    cells = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]
    assert all(len(row) == 6 and all(row) for row in cells), "six filled cells a row"
    return {row[0]: row for row in cells}


@pytest.mark.parametrize("section", TABLES)
def test_the_tables_list_everything_and_nothing_else(section: str):
    listed = rows(section)
    assert listed.keys() == TABLES[section].keys()
    for name, part in TABLES[section].items():
        assert listed[name][1] == ("-" if part is None else part.__name__)


def built(section: str, name: str) -> Built:
    """The page's recipe for a row, small, with the row's line."""
    base = BASES_OF_NAMES.get(name) or BASES.get(section, "pix2pix-small")
    base = "dcgan-small" if section == "Generators" and name in FROM_NOISE else base
    base = "points" if name == "vector_mlp" else base
    source = read(base)
    if base == "pix2pix-small":
        source.override("networks.generator.width=2")
        source.override("losses.adversarial.discriminator={name: patchgan, width: 2, layers: 2, norm: instance}")
    if name == "wasserstein":  # which is warned of where nothing holds its critic
        source.override("losses.adversarial.penalties=[wgan_gp]")
    for override in re.split(r" (?=[a-z_.]+=)", rows(section)[name][5]):
        source.override(override)
    if name in ON_FEATURES:
        source.override("losses.adversarial.discriminator.pretrained=no")
    if name == "kl":
        source.override("losses.bottleneck.between=[kl]")
    if name in PRETRAINED:
        source.override(f"{section.lower()}.look.pretrained=no")
    return build(resolve(source))


@pytest.mark.parametrize(
    ("section", "name"), [(section, name) for section in TABLES for name, row in rows(section).items() if row[5] != "-"]
)
def test_every_line_selects_its_part(section: str, name: str):
    made = built(section, name)
    if section in BASES:
        network = made.method.bottleneck if section == "Bottlenecks" else made.method.generator
        assert type(made.degradation if section == "Degradations" else network) is TABLES[section][name]
        return
    if section in ("Losses", "Metrics"):
        look = made.terms["look"].loss if section == "Losses" else made.metrics["look"].measure
        assert type(look) is TABLES[section][name]
        return
    loss = made.adversaries["adversarial"].loss
    chosen = {
        "Objectives": [loss.objective],
        "Penalties": list(loss.penalties),
        "Stabilisers": [loss.pool, loss.top_k, loss.unroll, *loss.augment],
        "Weightings": [made.weighting],
        "Discriminators": [loss.discriminator],
    }[section]
    part = TABLES[section][name]
    if part is not None:
        assert any(type(one) is part for one in chosen)
    elif name == "feature_matching":
        assert loss.feature_matching == 10
    elif name in ("matching", "pulling_away"):
        assert getattr(loss, name) == {"matching": "means", "pulling_away": 0.1}[name]
    elif name == "real_first":
        assert loss.real_first is True
    elif name == "steps":
        assert made.recipe.train.steps == {"discriminator": 5, "generator": 1}
    else:
        assert getattr(made.adversaries["adversarial"], name) == int(rows(section)[name][5].split("=")[1])
