"""Few labels and many pictures without: the fields, who trains what, the uses of the model, what is refused."""

from pathlib import Path

import pytest
import torch

import advloss
from advloss.core.errors import InputError
from advloss.data.fields import sources_of
from advloss.methods.semi_supervised import SemiSupervised
from advloss.recipe.build import Built, build
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read

SMALL = [
    "networks.generator.width=4",
    "networks.classifier.width=4",
    "data.load=8",
    "data.crop=8",
    "data.classes={label: [a, b, c]}",
]


def built(*overrides: str) -> Built:
    source = read("improved-gan-semi-small")
    for override in (*SMALL, *overrides):
        source.override(override)
    return build(resolve(source))


def test_labelled_and_unlabelled_pictures_are_two_sources() -> None:
    fields = SemiSupervised.declared_fields({"latent": 7})
    assert sources_of(fields) == ["labelled", "unlabelled"] and fields["label"].source == "labelled"
    assert fields["noise"].size == 7


def test_the_discriminator_trains_the_classifier_and_the_generator_the_rest() -> None:
    game = built()
    mine = {name: {id(p) for p in parameters} for name, parameters in game.players.items()}
    assert mine["discriminator"] == {id(p) for p in game.method.classifier.parameters()}
    assert mine["generator"] == {id(p) for p in game.method.generator.parameters()}
    assert game.terms["game"].loss.classifier is game.method.classifier


@pytest.mark.parametrize(
    "classifier", ["mlp", "{name: dcgan, layers: 1, width: 2}", "{name: residual, layers: 1, width: 2}"]
)
def test_the_model_classifies_and_generates(classifier: str, tmp_path: Path) -> None:
    game = built(f"networks.classifier={classifier}")
    save_model(tmp_path / "m.safetensors", game.recipe, game.method.state_dict(), {})
    model = advloss.load(tmp_path / "m.safetensors")
    image = torch.rand(4, 1, 8, 8) * 2 - 1
    logits = model.classify(image)
    assert logits.shape == (4, 3)
    with torch.no_grad():
        torch.testing.assert_close(logits, game.method.eval().classifier(image))
    assert model.sample(2).shape == (2, 1, 8, 8)


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="all pictures are of one class"):
        built("data.classes={label: [a]}")
    with pytest.raises(InputError, match="this method has none; use semi_supervised"):
        source = read("dcgan-small")
        source.override("method.conditional=true")
        source.override("losses.game={loss: k_plus_one, between: [fake, image], labelled: image, label: label}")
        build(resolve(source))
