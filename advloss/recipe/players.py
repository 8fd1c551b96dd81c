"""A recipe's players: how many steps each takes, and which parameters it trains."""

from collections.abc import Iterable, Mapping

from torch import nn

from advloss.core.errors import InputError, unknown
from advloss.recipe.schema import Train
from advloss.recipe.terms import DISCRIMINATOR, GENERATOR, Term


def default_steps(two_sided: bool, named: Iterable[str]) -> dict[str, int]:
    """The default of `train.steps`: one step of the generator, then one of the discriminator, if a term has or names
    it.

    two_sided: whether a loss has a discriminator. named: the players that terms name.
    """
    return {GENERATOR: 1} | ({DISCRIMINATOR: 1} if two_sided or DISCRIMINATOR in named else {})


def batches_per_iteration(train: Train) -> int:
    """How many batches an iteration takes. A player's first batch is the last one of the player before it."""
    return train.accumulate * (1 + sum(steps - 1 for steps in (train.steps or {}).values()))


def players_of(steps: Mapping[str, int], method: nn.Module, terms: Mapping[str, Term]) -> dict[str, list[nn.Parameter]]:
    """The parameters that each player trains, by its name, in the order of `steps`.

    The generator trains the method's networks, each player the parameters of its terms, to which a network that the
    method shares with a loss belongs.
    Raises InputError: a term of a player that takes no steps; a player without anything to train; a two-sided loss of
    another player than the generator.
    """
    _check_terms(steps, terms)
    networks = own_parameters(method, terms.values())
    if networks and GENERATOR not in steps:
        raise InputError(f"train.steps: no player trains the networks; say how many steps {GENERATOR} takes")
    players = {}
    for name in steps:
        of_terms = [parameter for term in terms.values() for parameter in term.parameters_of(name)]
        players[name] = (networks if name == GENERATOR else []) + of_terms
        if not players[name] and name == GENERATOR and [*method.parameters()]:
            raise InputError("train.freeze: leaves the generator nothing to train; freeze less of it")
        if not players[name]:
            raise InputError(
                f"train.steps: {name} has nothing to train, since no term has parameters of its own for it that are "
                f"not frozen; leave it out: train.steps={_without(steps, name)}"
            )
    return players


def own_parameters(method: nn.Module, terms: Iterable[nn.Module]) -> list[nn.Parameter]:
    """The parameters of the method's networks to train, without those that a term's loss shares and trains."""
    shared = {id(parameter) for term in terms for parameter in term.parameters()}
    return [each for each in method.parameters() if each.requires_grad and id(each) not in shared]


def _check_terms(steps: Mapping[str, int], terms: Mapping[str, Term]) -> None:
    for name, term in terms.items():
        if term.player not in steps:
            raise InputError(f"losses.{name}.player: {unknown('player of train.steps', term.player, steps)}")
        if term.owner not in steps and (term.parameters_of(term.owner) or not [*term.parameters()]):
            raise InputError(
                f"train.steps: no player trains the discriminator of losses.{name}; "
                f"say how many steps {term.owner} takes"
            )
        if term.two_sided and term.player != GENERATOR:
            raise InputError(
                f"losses.{name}.player: is {term.player}, and of a loss with a discriminator the other player is the "
                f"{GENERATOR}; leave it out"
            )


def _without(steps: Mapping[str, int], name: str) -> str:
    kept = [f"{other}: {count}" for other, count in steps.items() if other != name]
    return "{" + ", ".join(kept) + "}"
