"""What a training starts from: the networks and discriminators of models, of checkpoints, and of other projects."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from advloss.core.errors import InputError, unknown
from advloss.core.words import counted, some
from advloss.interop.foreign_parts import discriminator_of, generator_of
from advloss.recipe.build import Built
from advloss.recipe.model_file import is_model_file, read_state
from advloss.recipe.schema import Recipe
from advloss.recipe.sizes import differences
from advloss.training.run.changes import changes, lines_of
from advloss.training.run.checkpoint import read_checkpoint

CHECKPOINT = "checkpoint.pt"
KERNEL = 2
"""A network's tensors of so many axes tell its architecture; biases and counters of one length are in any network."""
SHOWN = 8
"""How many lines say what two recipes have different."""


class Part:
    """Networks of ours that get their tensors together: one of the method's, or all of a term's.

    networks: by what their names begin with in a state dict, `loss.discriminator.`; empty for one of the method's.
    """

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        self.networks = networks

    def state(self) -> dict[str, Tensor]:
        """All tensors."""
        return {f"{start}{key}": x for start, one in self.networks.items() for key, x in one.state_dict().items()}

    def mine(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What of a state dict belongs to these networks."""
        return {key: x for key, x in state.items() if key.startswith(tuple(self.networks))}

    def load(self, state: Mapping[str, Tensor], strict: bool) -> None:
        """As `load_state_dict` does."""
        for start, network in self.networks.items():
            own = {key.removeprefix(start): x for key, x in state.items() if key.startswith(start)}
            network.load_state_dict(own, strict=strict)


Pairs = dict[str, tuple[Part, Mapping[str, Tensor]]]
"""Parts of ours by name, each with what a file has for it."""


@dataclass(frozen=True)
class Held:
    """What a file holds for one part of the recipe, the generator or the discriminator.

    networks: a state dict for each of the method's networks or of the terms, by name; of a network of another project
    the name is empty. recipe: that it was trained with; None for another project's. settings: what the weights
    of another project's network tell. after: `, after iteration 7`.
    """

    networks: Mapping[str, Mapping[str, Tensor]]
    recipe: Recipe | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    after: str = ""


def start_from_initial(built: Built) -> list[str]:
    """Loads what the recipe names as `initial`, if it names something. Gives lines that say what was loaded.

    A model file has a method's networks, averaged if its run had an average. A run's checkpoint has the networks
    as they were trained last, and the discriminators that learned with them: those of terms of the same name are
    loaded too. Other projects' files have one network, or those of a tokenizer. Optimizers, pools and the number of the
    iteration start anew.

    With `strict: false` the tensors that fit are taken, and the lines say what was left out. Raises InputError if a
    file can't be read, if its networks are of another kind or size, and, not strict, if nothing fits.
    """
    initial = built.recipe.initial
    if initial is None:
        return []
    if initial.file is not None:
        lines = [_load_generator(built, initial.file)]
        content = None if is_model_file(initial.file) else _checkpoint(initial.file)
        if content and _terms_of(built).keys() & _split(content["terms"]).keys():
            lines.append(_load_discriminator(built, initial.file))
        return lines
    parts = ((initial.generator, _load_generator), (initial.discriminator, _load_discriminator))
    return [line for files, load in parts if files is not None for line in _each(built, files, load)]


def _each(built: Built, files: Path | Mapping[str, Path], load: Any) -> Iterator[str]:
    for name, file in files.items() if isinstance(files, Mapping) else [(None, files)]:
        yield load(built, file, name)


def _load_generator(built: Built, path: Path, name: str | None = None) -> str:
    """Loads the method's networks, or the one of this name, and says so."""
    mine = {part: Part({"": network}) for part, network in built.method.named_children() if network.state_dict()}
    held = _generator(path)
    place = "generator" if name is None else f"generator.{name}"
    wanted = _paired(mine, held, name, path, f"initial.{place}", "network")
    called = "networks" if name is None and "" not in held.networks else " and ".join(wanted)
    return _load(built, wanted, held, path, f"the {called}" if name is None else name)


def _load_discriminator(built: Built, path: Path, name: str | None = None) -> str:
    """Loads the discriminators of the terms, or of the term of this name, and says so."""
    held = _discriminator(path)
    place = "discriminator" if name is None else f"discriminator.{name}"
    terms = _terms_of(built)
    wanted = _paired(terms, held, name, path, f"initial.{place}", "term with a discriminator")
    called = ", ".join(f"losses.{term}" for term in wanted)
    return _load(built, wanted, held, path, f"the discriminator{'s' * (len(wanted) > 1)} of {called}", "losses")


def _terms_of(built: Built) -> dict[str, Part]:
    """The networks of each term with a discriminator, by the term's name."""
    found = {}
    for name, term in built.adversaries.items():
        networks = term.networks
        found[name] = Part({f"{at}.": one for at, one in term.named_modules() if any(one is each for each in networks)})
    return {name: part for name, part in found.items() if part.networks}


def _paired(mine: Mapping[str, Part], held: Held, name: str | None, path: Path, place: str, kind: str) -> Pairs:
    """Each part of ours with the state dict that the file has for it."""
    theirs = held.networks
    if name is None and "" in theirs and len(mine) != 1:
        example = f"{place}={{{next(iter(mine), 'NAME')}: {path}}}"
        raise InputError(f"{place}: {path} holds one network; say which of {', '.join(mine)} it is: {example}")
    if name is None and "" in theirs:
        name = next(iter(mine))
    if name is not None:
        if name not in mine:
            raise InputError(f"{place}: {unknown(kind, name, mine)}")
        if name not in theirs and len(theirs) != 1:
            raise InputError(f"{place}: {path} has {', '.join(theirs) or 'none'}, and none of them is called {name}")
        state = theirs[name] if name in theirs else next(iter(theirs.values()))
        if "" in theirs and len(mine[name].networks) > 1:
            raise InputError(f"{place}: {path} holds one network, and losses.{name} has {len(mine[name].networks)}")
        start = next(iter(mine[name].networks)) if "" in theirs else ""
        return {name: (mine[name], {f"{start}{key}": x for key, x in state.items()})}
    if kind != "network":  # a term that the other run had not keeps its own discriminator
        if not (both := [one for one in mine if one in theirs]):
            raise InputError(
                f"{place}: {path} has discriminators of {', '.join(theirs) or 'no term'}, and this recipe of "
                f"{', '.join(mine) or 'no term'}; say which is for which: {place}={{NAME: {path}}}"
            )
        return {one: (mine[one], mine[one].mine(theirs[one])) for one in both}
    return {one: (mine[one], theirs.get(one, {})) for one in mine}


def _load(built: Built, pairs: Pairs, held: Held, path: Path, called: str, section: str = "networks") -> str:
    """Puts the tensors into the networks. Gives the line that says so, and what was left out."""
    strict = bool(built.recipe.initial and built.recipe.initial.strict)
    wanted = {f"{name}.{key}": value for name, (one, _) in pairs.items() for key, value in one.state().items()}
    found = {f"{name}.{key}": value for name, (_, state) in pairs.items() for key, value in state.items()}
    shapes = {key: tuple(value.shape) for key, value in wanted.items()}
    theirs = {key: tuple(value.shape) for key, value in found.items()}
    fits = {key for key in shapes if theirs.get(key) == shapes[key]}
    try:
        for name, (part, state) in pairs.items():
            misfits = {key for key in state if not strict and f"{name}.{key}" in shapes.keys() - fits}
            part.load({key: value for key, value in state.items() if key not in misfits}, strict)
    except RuntimeError:
        raise InputError(_unlike(built, held, path, section, differences(shapes, theirs), bool(fits))) from None
    if strict:
        return f"initial: {called} of {path}{held.after}"
    if not any(len(shapes[key]) >= KERNEL for key in fits):
        raise InputError(
            f"initial: {path} is of another architecture: of its {counted(len(theirs), 'tensor')} none with weights "
            f"fits {called}:\n  {differences(shapes, theirs)}"
        )
    left = _left_out(shapes, theirs, fits)
    return f"initial: {called} of {path}{held.after}: {len(fits)} of {counted(len(shapes), 'tensor')}{left}"


def _left_out(shapes: Mapping[str, Any], theirs: Mapping[str, Any], fits: set[str]) -> str:
    """`; begin anew: 2 of another shape (...), 1 that the file has not (...); of the file not used: 3 (...)`."""
    other = [
        f"{key} {list(theirs[key])}, here {list(shapes[key])}" for key in shapes if key in theirs and key not in fits
    ]
    absent = [key for key in shapes if key not in theirs]
    unused = [key for key in theirs if key not in shapes]
    anew = [f"{len(other)} of another shape ({some(other)})"] * bool(other)
    anew += [f"{len(absent)} that the file has not ({some(absent)})"] * bool(absent)
    said = f"; begin anew: {', '.join(anew)}" if anew else ""
    return said + (f"; of the file not used: {len(unused)} ({some(unused)})" if unused else "")


def _unlike(built: Built, held: Held, path: Path, section: str, why: str, some_fit: bool) -> str:
    """The message for networks that are not those of the file."""
    lines = [why]
    if held.recipe is not None:
        sections = ("method.", "networks.") if section == "networks" else (f"{section}.",)
        changed = {key: both for key, both in changes(held.recipe, built.recipe).items() if key.startswith(sections)}
        said = lines_of(changed)
        lines = [*said[:SHOWN], *([f"and {len(said) - SHOWN} more"] if len(said) > SHOWN else [])] or lines
    elif held.settings:
        lines.insert(0, f"it is {', '.join(f'{key}={value}' for key, value in held.settings.items())}")
    hint = "; or take the tensors that fit, initial.strict=false" if some_fit else ""
    return "\n".join(
        [f"initial: {path} is of other networks:", *(f"  {line}" for line in lines), f"make them alike{hint}"]
    )


def _generator(path: Path) -> Held:
    _check_there(path)
    if is_model_file(path):
        state, recipe = read_state(path)
        return Held(_split(state), recipe)
    if content := _checkpoint(path):
        return Held(_split(content["method"]), Recipe.model_validate(content["recipe"]), after=_after(content))
    settings, networks = _foreign(path, generator_of)
    return Held(networks, settings=settings)


def _discriminator(path: Path) -> Held:
    _check_there(path)
    if is_model_file(path):
        raise InputError(f"initial: {path}: a model file has no discriminators; the run's {CHECKPOINT} has them")
    if content := _checkpoint(path):
        return Held(_split(content["terms"]), Recipe.model_validate(content["recipe"]), after=_after(content))
    settings, networks = _foreign(path, discriminator_of)
    return Held(networks, settings=settings)


def _foreign(path: Path, read: Any) -> Any:
    try:
        return read(path)
    except InputError as error:
        raise InputError(f"initial: {error}") from None


def _check_there(path: Path) -> None:
    if not path.exists():
        raise InputError(
            f"initial: {path}: no such model file; name the one to start from, initial=FILE, or start from nothing, "
            "initial=null"
        )


def _after(content: Mapping[str, Any]) -> str:
    return f", after iteration {content['iteration']}"


def _split(state: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """A state dict by the first part of its names."""
    found: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        first, _, rest = key.partition(".")
        found.setdefault(first, {})[rest] = value
    return found


def _checkpoint(path: Path) -> dict[str, Any] | None:
    """The content of a run's checkpoint; None for another kind of file."""
    if not path.is_file() or path.suffix == ".safetensors":
        return None
    try:
        return read_checkpoint(path)
    except InputError as error:
        if path.name == CHECKPOINT:
            raise InputError(f"initial: {error}") from None
        return None  # the reader of other projects' files says what it is
