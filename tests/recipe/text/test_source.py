"""A recipe's text: values, origins, mistakes."""

from pathlib import Path

import pytest

from advloss.core.errors import InputError
from advloss.recipe.resolve import complete_recipe, resolve
from advloss.recipe.schema import Recipe
from advloss.recipe.text.source import Source, is_override, known_recipes, parse, parse_value, read

MINE = """\
method: pix2pix
networks:
  generator: {name: unet, levels: 6}
losses:
  l1: {loss: l1, between: [fake_b, b],
       weight: 100}
optimizer: adam
schedule: linear
train: {iterations: 10}
"""


@pytest.mark.parametrize("text", ["010", "1e-4", "no", "12:30", "on", "~", "none", "None", "", "a: b", "0x10", "1_000"])
def test_a_value_of_the_command_line_stays_what_was_written(text: str):
    assert parse_value("key", text) == text


def test_null_lists_and_mappings_are_yaml():
    assert parse_value("key", "null") is None
    assert parse_value("key", "[fake_b, b]") == ["fake_b", "b"]
    assert parse_value("key", "[0.5,0.999]") == [0.5, 0.999]
    assert parse_value("key", "{name: unet, levels: 6}") == {"name": "unet", "levels": 6}
    assert parse_value("key", "[]") == []
    with pytest.raises(InputError, match=r"^key: \[a is not valid YAML"):
        parse_value("key", "[a")


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("seed=010", ("seed",), 10),
        ("optimizer.lr=1e-4", ("optimizer", "lr"), 1e-4),
        ("data.flip=no", ("data", "flip"), False),
        ("data.resize=none", ("data", "resize"), "none"),
        ("networks.generator.norm=none", ("networks", "generator", "norm"), "none"),
        ("networks.generator.dropout=0", ("networks", "generator", "dropout"), 0.0),
        ("optimizer.betas=[0, 0.9]", ("optimizer", "betas"), [0.0, 0.9]),
        ("train.clip=1", ("train", "clip"), 1.0),
        ("data.a=12:30", ("data", "a"), "12:30"),
        ("samples=[a]", ("samples",), ["a"]),
        ("schedule.warmup=5", ("schedule", "warmup"), 5),
        ("optimizer.discriminator.lr=4e-4", ("optimizer", "discriminator"), {"lr": 4e-4}),
    ],
)
def test_the_recipes_own_types_convert_a_value(override: str, key: tuple[str, ...], value: object):
    source = parse(MINE, "mine.yaml")
    source.override(override)
    found = resolve(source).plain()
    for part in key:
        found = found[part]
    assert found == value and type(found) is type(value)


def test_every_value_knows_its_line_and_loses_it_to_an_override():
    source = parse(MINE, "mine.yaml")
    assert source.origins["method",] == "mine.yaml:1"
    assert source.origins["losses", "l1", "weight"] == "mine.yaml:6"
    assert source.origin(("losses", "l1", "nothing", "such")) == "mine.yaml:5"
    assert source.origin(("nothing",)) is None
    source.override("losses.l1={loss: l2, between: [fake_b, b]}")
    assert source.origin(("losses", "l1", "weight")) == "command line"
    source.override("losses.look.loss=l1")
    assert source.origin(("losses", "look")) == "command line" and source.origin(("losses",)) == "mine.yaml:4"
    source.override("optimizer.lr=1")
    assert source.values["optimizer"] == {"name": "adam", "lr": "1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method: a\nmethod: b\n", "mine.yaml:2: 'method' is written twice"),
        ("losses:\n  l1: {loss: l1}\n  l1: {loss: l2}\n", "mine.yaml:3: 'l1' is written twice"),
        ("losses:\n  l1: {loss: l1,\n    loss: l2}\n", "mine.yaml:3: 'loss' is written twice"),
        ("method: [\n\n", "mine.yaml:3: not valid YAML"),
        ("just words", "mine.yaml: a recipe is a mapping"),
    ],
)
def test_a_file_that_is_no_recipe(text: str, message: str):
    with pytest.raises(InputError) as raised:
        parse(text, "mine.yaml")
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("losses.l1.weigth=3", "CL losses.l1.weigth: unknown parameter of 'l1' 'weigth'; did you mean 'weight'?"),
        ("losses.l2.weight=3", "CL losses.l2: unknown term 'l2'; did you mean 'l1'?"),
        ("losses.l1.loss=l3", "CL losses.l1.loss: unknown loss 'l3'; did you mean 'l"),
        ("losses.l1.between=[fake_a, b]", "CL losses.l1.between.0: unknown tensor 'fake_a'; did you mean 'fake_b'"),
        ("networks.genrator={name: unet}", "CL networks.genrator: unknown network of pix2pix 'genrator'; did"),
        ("networks.generator.level=3", "CL networks.generator.level: unknown parameter of 'unet' 'level'; did"),
        ("networks.generator.dropout_in_use=1", "CL networks.generator.dropout_in_use: dropout_in_use is dropout_at"),
        ("train.rounds=3", "CL train.rounds: rounds is iterations now"),
        ("networks.generator=resnet", None),
        ("networks.generator.name=resnet", "mine.yaml:3: networks.generator.levels: unknown parameter of 'resnet'"),
        ("method=pixpix", "CL method: unknown method 'pixpix'; did you mean 'pix2pix'?"),
        ("optimizer.momentum=1", "CL optimizer.momentum: unknown parameter of 'adam' 'momentum'"),
        ("optimizer.discriminator.l=1", "CL optimizer.discriminator.l: unknown parameter of 'adam' 'l'"),
        ("schedule=linea", "CL schedule.name: unknown schedule 'linea'; did you mean 'linear'?"),
        ("data.crop=300", "CL data: crop (300) is larger than load (286)"),
        ("losses.l1.weight=-1", "CL losses.l1.weight: Input should be greater than or equal to 0 (got '-1')"),
        ("losses.l1.weight=nan", "CL losses.l1.weight: Input should be"),
        ("optimizer.lr=inf", "CL optimizer.lr: Input should be a finite number (got 'inf')"),
    ],
)  # fmt: skip
def test_mistakes_say_where_and_what_is_nearest(override: str, message: str | None):
    source = parse(MINE, "mine.yaml")
    source.override(override)
    if message is None:
        resolve(source)
        return
    with pytest.raises(InputError) as raised:
        resolve(source)
    assert str(raised.value).startswith(message.replace("CL ", "command line: "))


def test_parameters_written_for_another_component_say_so():
    source = parse(MINE, "mine.yaml")
    source.override("networks.generator.name=resnet")
    with pytest.raises(InputError, match=r"replace the whole, networks\.generator=\{name: \.\.\.\}"):
        resolve(source)


def test_words_that_are_overrides():
    for word in ("a=1", "data.a=/folder/x", "losses.cycle-a.weight=1", "a=b=c", "Aa_1.b="):
        assert is_override(word), word
    for word in ("horse2zebra", "./a=1", "/a=1", "folder/a=1", "=1", "1a=2", "two words=1"):
        assert not is_override(word), word


def test_a_name_is_looked_for_here_before_the_packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert {"cyclegan", "cyclegan-small", "pix2pix", "pix2pix-small"} <= known_recipes().keys()
    assert read("pix2pix").path == "recipes/pix2pix.yaml"
    Path("recipes").mkdir()
    Path("recipes/pix2pix.yaml").write_text(MINE)
    Path("pix2pix.yaml").write_text(MINE.replace("100", "7"))
    assert resolve(read("pix2pix")).losses["l1"].weight == 100
    assert resolve(read("pix2pix.yaml")).losses["l1"].weight == 7


@pytest.mark.parametrize("name", sorted(known_recipes()))
def test_a_resolved_recipe_is_its_own_resolution(name: str):
    recipe = resolve(read(name))
    assert complete_recipe(Recipe.model_validate(recipe.plain())) == recipe
    assert resolve(Source("again", recipe.plain())) == recipe
