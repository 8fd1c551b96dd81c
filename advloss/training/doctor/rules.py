"""The rules: what each looks for in the series of a run, what it says, and what helps. docs/doctor.md explains them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from advloss.training.doctor import about_game, about_results
from advloss.training.doctor.history import Finding, History


@dataclass(frozen=True)
class Rule:
    """look: gives the sentence if the rule's condition holds, else None. remedy: what helps."""

    look: Callable[[History], str | None]
    remedy: str


RULES: dict[str, Rule] = {
    "discriminator_wins": Rule(
        about_game.discriminator_wins,
        "a lower rate for the discriminator (optimizer.discriminator={lr: ...}) or a later start of it, a penalty such "
        "as r1, augmentations (diffaugment, ada), or smoothed labels (real_label: 0.9)",
    ),
    "generator_wins": Rule(
        about_game.generator_wins,
        "a higher rate or more steps for the discriminator (train.steps={discriminator: 2, generator: 1}), or a wider "
        "one",
    ),
    "dead_start": Rule(
        about_game.dead_start,
        "look whether the discriminator is trained: its rate, its steps, a sigmoid or a zero at its end, images that "
        "are the same on both sides; then a higher rate for it",
    ),
    "oscillation": Rule(
        about_game.oscillation,
        "lower rates, a smaller first beta (0 or 0.5), a penalty such as r1, and train.average for the model that is "
        "kept",
    ),
    "rate_too_high": Rule(about_game.rate_too_high, "a tenth of the rate, or a warm-up; train.clip holds single steps"),
    "unbounded_critic": Rule(
        about_game.unbounded_critic,
        "losses.NAME.penalties=[{name: wgan_gp, weight: 10}], clip_weights, or spectral norm in the critic",
    ),
    "overfitted": Rule(
        about_game.overfitted,
        "more images or data.augment, losses.NAME.augment=[{name: ada}] or diffaugment, a smaller discriminator",
    ),
    "no_effect": Rule(
        about_results.no_effect,
        "a larger weight of the adversary, or weighting: last_layer, which makes the gradients as large as each other",
    ),
    "ruins_reconstruction": Rule(
        about_results.ruins_reconstruction,
        "a smaller weight of the adversary with a ramp, a discriminator that learns some iterations before it counts "
        "(discriminator_start), or weighting: last_layer",
    ),
    "mode_collapse": Rule(
        about_results.mode_collapse,
        "a penalty such as r1 or wgan_gp, minibatch discrimination or pulling_away, a larger batch, a lower rate of "
        "the generator; go back to a checkpoint of before",
    ),
    "codebook_collapse": Rule(
        about_results.codebook_collapse,
        "networks.bottleneck.revive=0.01 and kmeans=true, codes of fewer channels and unit length (normalize=true), a "
        "lower rate",
    ),
    "saturated": Rule(
        about_results.saturated,
        "a lower rate, smaller first weights of the last layer, and no second tanh or clamp at the generator's end",
    ),
    "checkerboard": Rule(
        about_results.checkerboard,
        "upsample: nearest (or a kernel that is a multiple of its stride) in the generator; strides that do not divide "
        "the kernels of the discriminator leave it in the gradient too",
    ),
    "not_normalised": Rule(
        about_results.not_normalised,
        "say the range of the files' values, data.range=[LOW, HIGH]; in a loop of your own, bring images to [-1, 1]",
    ),
}


def findings(history: History) -> list[Finding]:
    """What the rules find that have not spoken in this run yet."""
    found = []
    for name, rule in RULES.items():
        if name not in history.said and (sentence := rule.look(history)) is not None:
            found.append(Finding(name, sentence, rule.remedy))
    return found


def found_in(lines: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, Finding]]:
    """What the rules find in a run's log, with the iteration in which they find it; what was said while it trained is
    not read. lines: of log.jsonl, in order."""
    history = History()
    for iteration, group in groupby(lines, key=lambda entry: int(entry["iteration"])):
        for entry in group:
            if "doctor" not in entry:
                history.add(entry)
        for finding in findings(history):
            history.said.add(finding.rule)
            yield iteration, finding
