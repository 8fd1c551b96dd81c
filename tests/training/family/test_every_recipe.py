"""What every recipe of the family keeps: a run goes on exactly where it was stopped, two processes equal one, and the
model file is used by the command that its method declares."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.family.every_recipe import ELSEWHERE, ITERATIONS, family, fill, method_of, use_of, words
from tests.training.started import ENVIRONMENT, done, log

pytestmark = pytest.mark.xdist_group("every recipe")  # one worker makes what all its tests need

GENERATOR, DISCRIMINATOR = "networks.generator.norm=none", "losses.adversarial.discriminator.norm=none"
CODES = ["networks.encoder.norm=none", "networks.decoder.norm=none"]
DCGAN = "networks.generator={name: dcgan, width: 4, norm: none}"
UNET = "networks.generator={name: unet, width: 4, levels: 3, norm: none, dropout: 0}"
PENALTY = "losses.adversarial.penalties=[r1]"
"""It draws nothing; wgan_gp draws a place between each fake and its real image in each process."""
NOTHING: list[str] = []
BATCH_STATISTICS: list[tuple[str, list[str]]] = [  # of each process's own batch: batch norm and what stands behind it
    ("dcgan dcgan-small wgan lsgan lsgan-small", [GENERATOR, DISCRIMINATOR]),
    ("unrolled unrolled-small", [GENERATOR]),
    ("cgan-small", [DCGAN]),
    ("context-encoder context-encoder-small", [UNET, DISCRIMINATOR]),
    ("vae-small wae-gan wae-gan-small aae-small", CODES),
    ("classifier-small", ["networks.classifier.norm=none"]),
    ("ebgan ebgan-small", [GENERATOR, DISCRIMINATOR, "losses.adversarial.pulling_away=0"]),  # pairs of fakes
    ("wae-mmd wae-mmd-small", [*CODES, "losses.prior=null"]),  # pairs of codes
    ("improved-gan improved-gan-small", [DISCRIMINATOR, "losses.adversarial.discriminator.minibatch=0"]),
    ("progan progan-small", [PENALTY, "losses.adversarial.discriminator.group=1"]),
]
DRAWN: list[tuple[str, list[str]]] = [  # in each process by its own random numbers: dropout, noise, wgan_gp's places
    ("gan", ["losses.adversarial.discriminator.dropout=0"]),
    ("r3gan", ["losses.adversarial.augment=[]"]),
    ("wdgrl wdgrl-small", [PENALTY]),
    ("wgan-gp", [DCGAN, PENALTY]),
    ("wgan-gp-small", [GENERATOR, PENALTY]),
    (
        "improved-gan-semi improved-gan-semi-small",
        [GENERATOR, "networks.classifier.input_noise=0", "networks.classifier.noise=0"],
    ),
]
TAKEN_OUT = {name: changes for names, changes in BATCH_STATISTICS + DRAWN for name in names.split()}
"""By recipe, the changes without which two processes are not one of the doubled batch. The others need none."""


def test_the_list_is_whole() -> None:
    names = family()
    assert {method_of(name) for name in names}.isdisjoint(ELSEWHERE) and len(names) >= 40
    assert TAKEN_OUT.keys() <= set(names)
    for name in names:
        words(name)  # raises KeyError for a method without data here


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the trainings of two processes were: for each recipe NAME-two, and NAME-apart without the changes."""
    folder = tmp_path_factory.mktemp("family")
    fill(folder)
    plays = [[*words(name, "data.batch=2", *TAKEN_OUT.get(name, NOTHING)), "--run", f"{name}-two"] for name in family()]
    plays += [[*words(name, "data.batch=2"), "--run", f"{name}-apart"] for name in TAKEN_OUT]
    (folder / "plays.json").write_text(json.dumps(plays), encoding="utf-8")
    script = str(Path(__file__).with_name("several_runs.py"))
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", script, "plays.json"]
    two = subprocess.run(
        [sys.executable, *launch], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=1800
    )
    assert two.returncode == 0, two.stderr[-4000:]
    return folder


def losses(folder: Path, run: str) -> list[dict[str, float]]:
    """Those of each iteration."""
    found = [entry["losses"] for entry in log(folder, run) if "losses" in entry]
    assert len(found) == ITERATIONS
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", family())
def test_two_processes_are_one_of_the_doubled_batch(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    done(*words(name, *TAKEN_OUT.get(name, NOTHING)), "--run", f"{name}-one")
    for two, one in zip(losses(folder, f"{name}-two"), losses(folder, f"{name}-one"), strict=True):
        assert two == pytest.approx(one, rel=1e-8, abs=1e-12)
    ours, theirs = (load_file(folder / "runs" / f"{name}-{run}" / "model.safetensors") for run in ("two", "one"))
    for key, value in theirs.items():
        torch.testing.assert_close(ours[key], value, rtol=1e-8, atol=1e-10, msg=key)


@pytest.mark.slow
@pytest.mark.parametrize("name", family())
def test_a_run_that_is_stopped_goes_on_to_the_same_bytes_and_its_model_is_used(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    whole, cut = (Path("runs") / f"{name}-{run}" for run in ("whole", "cut"))
    done(*words(name), "--run", whole.name)
    done(*words(name), "--run", cut.name, "--iterations", str(ITERATIONS // 2))
    done(*words(name), "--run", cut.name, "--resume")
    assert (whole / "model.safetensors").read_bytes() == (cut / "model.safetensors").read_bytes()
    assert losses(folder, whole.name) == losses(folder, cut.name)
    if name in TAKEN_OUT:  # what is taken out for two processes is what they differ by
        assert losses(folder, f"{name}-apart") != [
            pytest.approx(one, rel=1e-8, abs=1e-12) for one in losses(folder, whole.name)
        ]
    command, made = use_of(name, str(whole / "model.safetensors"), f"{name}-made")
    done(*command)
    assert Path(made).exists()
