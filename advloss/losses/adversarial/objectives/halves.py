"""Two objectives as one: the generator minimises its half of one, the discriminator its half of another."""

from collections.abc import Mapping
from dataclasses import Field, dataclass, fields, is_dataclass
from typing import Annotated, Any, Self

from torch import Tensor

from advloss.core.errors import InputError
from advloss.core.parts import Part
from advloss.losses.adversarial.objectives.classes import Objective
from advloss.losses.adversarial.objectives.entropy import Entropy, HybridEntropy

SIDES = ("generator", "discriminator")


def written(value: dict[str, Any]) -> dict[str, Any]:
    """`{generator: non_saturating, discriminator: hinge}`, as a recipe writes it, with the name of `Halves`.

    Beside `name` and its parameters one half is enough: the other is the objective that is named.
    """
    said = {side: value[side] for side in SIDES if side in value}
    rest = {key: each for key, each in value.items() if key not in said}
    if not said or rest.get("name") == "halves":
        return value
    return {"name": "halves", **(dict.fromkeys(SIDES, rest) if rest else {}), **said}


@dataclass(frozen=True, init=False)
class Halves(Objective):
    """The generator's half of one objective and the discriminator's half of another.

    LlamaGen (Sun et al. 2024, arXiv:2406.06525) chooses the two apart so. The boundary, and with it what is judged
    right, is the discriminator's.

    generator, discriminator: objectives of the table, or of your own.
    Raises InputError for halves that make no game: energies beside logits; a generator that reads where logits lie,
    beside a discriminator that fixes them but for a constant (`fixes_level`); a discriminator that does not learn to
    tell fake from real (entropy); a generator that wants logits of 0 where 0 is not the boundary; and for a parameter
    that is said at the half that does not read it.
    """

    of_generator: Objective
    of_discriminator: Objective

    def __init__(
        self,
        generator: Annotated[Objective, Part("objective")],
        discriminator: Annotated[Objective, Part("objective")],
    ) -> None:
        for side, half in zip(SIDES, (generator, discriminator), strict=True):
            _check_half(side, half)
        _check_game(generator, discriminator)
        object.__setattr__(self, "of_generator", generator)  # the dataclass is frozen
        object.__setattr__(self, "of_discriminator", discriminator)

    @property
    def needs_real(self) -> bool:  # type: ignore[override]
        """Whether the generator's half reads the real logits."""
        return self.of_generator.needs_real

    @property
    def energy(self) -> bool:  # type: ignore[override]
        """Whether both halves take energies."""
        return self.of_discriminator.energy

    @property
    def changes(self) -> bool:
        return self.of_generator.changes or self.of_discriminator.changes

    def at(self, iteration: int) -> Self:
        if not self.changes:
            return self
        return type(self)(self.of_generator.at(iteration), self.of_discriminator.at(iteration))

    @property
    def boundary(self) -> float | None:
        return self.of_discriminator.boundary

    def discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
        return self.of_discriminator.discriminator(fake, real)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return self.of_generator.generator(fake, real)


def judging(objective: Objective) -> Objective:
    """The objective whose discriminator's half is minimised: of `Halves` that one, else the objective itself."""
    return objective.of_discriminator if isinstance(objective, Halves) else objective


def _check_half(side: str, half: Objective) -> None:
    """Raises InputError for a half of halves, and for a parameter that this half does not read."""
    name = type(half).__name__
    if isinstance(half, Halves):
        raise InputError(f"{side}: is two halves itself; name one objective")
    own: Mapping[str, str] = half.read_by
    parameters: tuple[Field[Any], ...] = fields(half) if is_dataclass(half) else ()
    for field in parameters:
        reader = own.get(field.name, side)
        if reader != side and getattr(half, field.name) != field.default:
            raise InputError(
                f"{side}: only the {reader}'s half of {name} reads {field.name}; leave it out, or say it at a half "
                f"{reader}: {name}"
            )


def _check_game(generator: Objective, discriminator: Objective) -> None:
    """Raises InputError for two halves that make no game."""
    theirs, its = type(generator).__name__, type(discriminator).__name__
    if generator.energy != discriminator.energy:
        energies, logits = (theirs, its) if generator.energy else (its, theirs)
        raise InputError(
            f"{energies} takes energies and {logits} logits, and one discriminator gives either; take ebgan for both "
            "sides or for none"
        )
    if generator.reads_level and not discriminator.fixes_level:
        raise InputError(
            f"the discriminator of {its} fixes its logits but for a constant, and the generator of {theirs} reads "
            "where they lie; take hinge, wasserstein, rpgan or ragan for the generator, or another discriminator"
        )
    uncertain = isinstance(generator, Entropy | HybridEntropy)
    if isinstance(discriminator, Entropy) and not uncertain:
        raise InputError(
            f"the discriminator of {its} does not learn to tell fake from real, so the generator of {theirs} has no "
            "opponent; take another, such as minimax, for the discriminator"
        )
    boundary = discriminator.at(0).boundary
    if uncertain and boundary not in (None, 0):
        raise InputError(
            f"the generator of {theirs} wants logits of 0, and for the discriminator of {its} {boundary:g} lies "
            "between fake and real; take minimax or hinge for the discriminator, or lsgan with a = -b"
        )
