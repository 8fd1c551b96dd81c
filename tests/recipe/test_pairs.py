"""Keys that say the same in different ways, and keys that another one switches off: none is ignored without a word."""

import pytest
import yaml

from advloss.cli.common.wanted import asked_recipe
from advloss.core.errors import InputError
from advloss.recipe.resolve import resolve
from advloss.recipe.schema import Recipe
from advloss.recipe.text.source import parse, read


def recipe(name: str, *words: str) -> Recipe:
    return asked_recipe([f"recipe={name}", *words])[0]


def test_the_length_that_the_command_line_says_wins():
    for name in ("cyclegan", "cyclegan-small"):  # one says epochs, the other iterations
        train = recipe(name, "stripes", "train.epochs=7").train
        assert (train.epochs, train.iterations) == (7, None)
        train = recipe(name, "stripes", "train.iterations=7").train
        assert (train.epochs, train.iterations) == (None, 7)


def test_the_data_that_the_command_line_says_wins():
    source = read("pix2pix-small")
    source.assign(("data", "name"), "edges", "my.yaml:3")
    source.override("data.a=left")
    data = resolve(source).data
    assert data.name is None and set(data.paths) == {"a"}
    source = read("pix2pix-small")
    source.assign(("data", "a"), "left", "my.yaml:3")
    source.assign(("data", "b"), "right", "my.yaml:4")
    source.override("data.name=edges")
    data = resolve(source).data
    assert data.name == "edges" and not data.paths


REFUSED = {
    "train.epochs: this and train.iterations both say how long": ["train.epochs=2", "train.iterations=3"],
    "data.name: this and data.a both say where the data is": ["facades-like", "data.a=left"],
    "facades-like and data.name= both name a data set": ["facades-like", "data.name=other"],
    "train.compile: is for fast executors": ["facades-like", "train.executor=plain", "train.compile=on"],
    "train.graphs: is for fast executors": ["facades-like", "train.executor=plain", "train.graphs=on"],
    "optimizer.lr: every player has its own": [
        "facades-like",
        "optimizer.generator={lr: 1e-3}",
        "optimizer.discriminator={lr: 1e-3}",
        "optimizer.lr=5e-4",
    ],
}


@pytest.mark.parametrize("said", REFUSED)
def test_of_two_keys_of_the_command_line_none_loses(said: str):
    with pytest.raises(InputError, match=said):
        recipe("pix2pix-small", *REFUSED[said])


ALLOWED = [
    ["facades-like", "data.resize=none", "data.load=128"],  # which a drawn set's size comes from
    ["facades-like", "train.executor=plain", "train.compile=off"],
    ["facades-like", "optimizer.generator={lr: 1e-3}", "optimizer.lr=5e-4"],
    ["facades-like", "train.epochs=null", "train.iterations=3"],
    ["facades-like", "data.val=held"],
]


@pytest.mark.parametrize("words", ALLOWED)
def test_keys_that_both_count(words: list[str]):
    recipe("pix2pix-small", *words)


def test_a_size_that_nothing_reads():
    with pytest.raises(InputError, match=r"data\.load: is not used, since data\.resize is none"):
        recipe("srresnet-small", "photos", "data.load=128")
    recipe("srresnet-small", "photos", "data.load=128", "data.resize=none")  # who says both knows


def test_a_recipe_that_says_two_lengths():
    text = yaml.safe_dump(recipe("pix2pix-small", "facades-like").plain()).replace("epochs: null", "epochs: 3")
    with pytest.raises(InputError, match=r"train\.epochs: this and train\.iterations both say how long"):
        resolve(parse(text, "my.yaml"))
