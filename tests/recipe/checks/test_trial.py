"""Everything about a recipe's objects that can be known before the first iteration is refused before it."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss import Method, NetworkFactory, components, fields, uses
from advloss.core.errors import InputError
from advloss.losses.metrics import METRICS
from advloss.recipe.build import Built, build
from advloss.recipe.resolve import resolve
from advloss.recipe.signatures import tensor_parameters
from advloss.recipe.text.source import Source, read

SMALL = {
    "cyclegan": ["networks.generator={name: resnet, width: 2, blocks: 1}"],
    "pix2pix": ["networks.generator={name: resnet, width: 2, blocks: 1}"],
    "srresnet": ["networks.generator={name: srresnet, width: 4, blocks: 1}"],
    "vqgan": ["losses.look=null"],
}


def built(recipe: str, *words: str) -> Built:
    source = read(f"{recipe}-small")
    for word in (*SMALL[recipe], "data.load=64", "data.crop=64", *words):
        source.override(word)
    return build(resolve(source))


@pytest.mark.parametrize(
    ("recipe", "word", "says"),
    [
        ("pix2pix", "losses.t={loss: l1, between: [a, b]}", "nothing that generator trains changes it.*a, b do not"),
        ("pix2pix", "losses.t={loss: total_variation, between: [a]}", "a does not depend on generator"),
        ("pix2pix", "losses.t={loss: l1, between: [fake_b, b], player: discriminator}", "that discriminator trains"),
        ("cyclegan", "losses.t={loss: ssim, between: [a, a]}", "nothing that generator trains"),
        ("srresnet", "losses.t={loss: l2, between: [bicubic, hr]}", "nothing that generator trains"),
        ("vqgan", "losses.t={loss: l1, between: [image, image]}", "nothing that generator trains"),
        ("pix2pix", "losses.adversarial.between=[b, fake_b]", r"comes first.*say between=\[fake_b, b\]"),
        ("cyclegan", "losses.adversarial_a.between=[a, fake_a]", r"comes first.*say between=\[fake_a, a\]"),
        ("pix2pix", "losses.adversarial.symmetric=true", "makes both tensors of a symmetric game, and b does not"),
        ("cyclegan", "losses.adversarial_b.symmetric=true", "makes both tensors of a symmetric game, and b does not"),
        ("pix2pix", "data.channels={a: 2, b: 3}", None),
        ("cyclegan", "data.channels={a: 1, b: 3}", "a has 1, b has 3: data.channels=3 reads them alike"),
    ],
)
def test_a_term_that_would_train_nothing(recipe: str, word: str, says: str | None) -> None:
    if says is None:
        built(recipe, word)
        return
    with pytest.raises(InputError, match=says):
        built(recipe, word)


@pytest.mark.parametrize(
    "word",
    [
        "losses.t={loss: l1, between: [fake_a, fake_b]}",
        "losses.adversarial_b.feature_matching=10",
        "losses.adversarial_b.given=a",
        "losses.adversarial_a.given=b",
        *(f"metrics.m={{metric: {name}, between: [fake_b, b]}}" for name in METRICS),
        *(f"metrics.m={{metric: {name}, between: [cycle_a, fake_a]}}" for name in METRICS),
    ],
)
def test_what_is_drawn_apart_is_neither_compared_nor_joined(word: str) -> None:
    with pytest.raises(InputError, match="drawn apart"):
        built("cyclegan", word)


def test_every_loss_between_tensors_that_are_drawn_apart() -> None:
    """Only those that compare no images one by one are taken."""
    taken = []
    for name, loss in components.LOSSES.items():
        try:
            source = read("cyclegan-small")
            more = ", discriminator: {name: patchgan, width: 2}" if name == "adversarial" else ""
            source.override(f"losses.t={{loss: {name}, between: [fake_b, b]{more}}}")
            resolve(source)
            taken.append(name)
        except InputError as error:
            compares = getattr(loss, "partners", False) or tensor_parameters(loss)[0][1:] == ["label"]
            assert compares == ("drawn apart" in str(error)), name
    assert {*taken} == {"adversarial", "style", "mmd"}


class Net(nn.Module):
    def __init__(self, in_channels: int = 3, classes: int = 2) -> None:
        super().__init__()
        self.layer = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.mean((2, 3)))


class CrossEntropy(nn.Module):
    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        return F.cross_entropy(logits, label)


class Classifier(Method):
    fields = {"image": fields.Image("images"), "label": fields.Label("images")}
    tensors = {"label": "[B]", "logits": "[B, K]", "embedded": "[B, 4]"}
    uses = {"classify": uses.Classify("image", "label")}

    def __init__(self, net: NetworkFactory, classes: int = 2) -> None:
        super().__init__()
        self.net = net(classes=classes)
        self.table = nn.Embedding(classes, 4)

    def classify(self, image: Tensor) -> Tensor:
        return self.net(image)

    def forward(self, batch: Any, wanted: Any) -> dict[str, Tensor]:
        made = {"label": batch["label"], "logits": self.net(batch["image"])}
        return made | ({"embedded": self.table(batch["label"])} if "embedded" in wanted else {})


class Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean()


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(components.METHODS, "classifier", Classifier)
    monkeypatch.setitem(components.LOSSES, "cross_entropy", CrossEntropy)
    monkeypatch.setitem(components.LOSSES, "mean", Mean)
    monkeypatch.setitem(components.NETWORKS, "net", {"net": Net})  # type: ignore[attr-defined]
    return


def recipe(**changes: Any) -> dict[str, Any]:
    return {
        "method": "classifier",
        "networks": {"net": "net"},
        "losses": {"classes": {"loss": "cross_entropy", "between": ["logits", "label"]}},
        "data": {"image": "photos", "label": "labels.csv", "load": 16, "crop": 16, "batch": 2},
        "optimizer": {"name": "adam", "lr": 1e-3},
        "train": {"iterations": 2},
        **changes,
    }


def of(values: dict[str, Any]) -> Built:
    return build(resolve(Source("own.yaml", values, {})))


@pytest.mark.parametrize("loss", ["cross_entropy", "mean"])
@pytest.mark.parametrize(("classes", "known"), [(2, 2), (3, 2), (6, 2), (6, 6), (6, 5), (1, 2)])
def test_labels_beyond_the_classes_are_refused(loss: str, classes: int, known: int) -> None:
    """Both where the loss meets the label and where the method itself does, in an embedding."""
    between = ["logits", "label"] if loss == "cross_entropy" else ["embedded"]
    values = recipe(method={"name": "classifier", "classes": known}, losses={"t": {"loss": loss, "between": between}})
    values["data"]["classes"] = {"label": [f"kind{number}" for number in range(classes)]}
    if classes <= known:
        of(values)
        return
    with pytest.raises(InputError) as raised:
        of(values)
    for word in ("data.label: labels.csv", f"{classes} classes", f"kind{classes - 1}", f"method.classes={classes}"):
        assert word in str(raised.value)


def test_the_trial_changes_no_weight_and_no_random_number() -> None:
    one, other = of(recipe()), of(recipe())
    for a, b in zip(one.method.parameters(), other.method.parameters(), strict=True):
        assert torch.equal(a, b)


USES = [
    ({"classify": uses.Classify("photo", "label")}, "unknown image field 'photo'"),
    ({"classify": uses.Classify("label", "label")}, "unknown image field 'label'"),
    ({"classify": uses.Classify("image", "image")}, "unknown label field 'image'"),
    ({"translate": uses.Translate({"a2b": uses.Direction("nett", "image", "image")})}, "unknown network 'nett'"),
    ({"translate": uses.Translate({"a2b": uses.Direction("classes", "image", "image")})}, "unknown network"),
    ({"translate": uses.Translate({"a2b": uses.Direction("net", "image", "label")})}, "unknown image field 'label'"),
    ({"translate": uses.Translate({})}, "has no directions"),
    ({"upscale": uses.Upscale(uses.Direction("net", "small", "image"))}, "unknown image field 'small'"),
    ({"generate": uses.Generate(uses.Direction("net", "image", "image"))}, "unknown noise field 'image'"),
    ({"inpaint": uses.Inpaint("image", "mask")}, "unknown mask field 'mask'"),
    ({"tokenize": uses.Tokenize("image")}, "needs `codes` of the method"),
]


@pytest.mark.parametrize(("declared", "says"), USES)
def test_uses_of_what_the_method_has_not(declared: Any, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Classifier, "uses", declared)
    with pytest.raises(InputError, match=says):
        of(recipe())


def test_a_use_without_its_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Classifier, "classify")
    with pytest.raises(InputError, match="needs `classify` of the method"):
        of(recipe())


def test_a_tensor_that_forward_does_not_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Classifier, "tensors", Classifier.tensors | {"features": "[B, F]"})
    with pytest.raises(InputError, match="declares features in `tensors`, and its forward does not give it"):
        of(recipe())
    with pytest.raises(InputError, match="declares features"):
        of(recipe(losses={"t": {"loss": "mean", "between": ["features"]}}))


def function(x: Tensor) -> Tensor:
    return x.mean()


class Untyped(Method):
    fields = {"image": fields.Image("images")}
    tensors = {"image": "[B, C, H, W]"}

    def __init__(self, net) -> None:  # type: ignore[no-untyped-def]
        super().__init__()

    def forward(self, batch: Any, wanted: Any) -> dict[str, Tensor]:
        return {"image": batch["image"]}


class Empty(Classifier):
    fields = {}


class UntypedLoss(nn.Module):
    def __init__(self, discriminator) -> None:  # type: ignore[no-untyped-def]
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x.mean()


@pytest.mark.parametrize(
    ("table", "entry", "changes", "says"),
    [
        ("LOSSES", function, {"losses": {"t": {"loss": "mine", "between": ["logits"]}}}, "is a function, and it must"),
        ("LOSSES", Mean(), {"losses": {"t": {"loss": "mine", "between": ["logits"]}}}, "is of the type Mean"),
        ("LOSSES", int, {"losses": {"t": {"loss": "mine", "between": ["logits"]}}}, "is the class int"),
        ("METRICS", function, {"metrics": {"m": {"metric": "mine", "between": ["image", "image"]}}}, "is a function"),
        ("METHODS", Net, {"method": "mine"}, "is the class Net, and it must be a subclass of Method"),
        ("METHODS", function, {"method": "mine"}, "is a function"),
        ("METHODS", Untyped, {"method": "mine"}, "write net: NetworkFactory"),
        ("METHODS", Empty, {"method": "mine"}, "declares no field"),
        ("SCHEDULES", 3, {"schedule": "mine"}, "is of the type int, and it must be a class"),
        (
            "LOSSES",
            UntypedLoss,
            {"losses": {"t": {"loss": "mine", "between": ["logits"], "discriminator": {"name": "mlp"}}}},
            r"has discriminator without its type.*Part\(",
        ),
    ],
)
def test_entries_that_are_no_components(
    table: str, entry: Any, changes: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(getattr(components, table), "mine", entry)
    monkeypatch.setattr(Classifier, "tensors", Classifier.tensors | {"image": "[B, C, H, W]"})
    with pytest.raises(InputError, match=says):
        of(recipe(**changes))


def test_a_network_that_is_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(components.NETWORKS["net"], "mine", Net())  # type: ignore[index]
    with pytest.raises(InputError, match="is of the type Net, and it must be a class"):
        of(recipe(networks={"net": "mine"}))


@pytest.mark.parametrize("value", ["{0: 64, 2: 64.5}", "{0: 63.5}", "{from: 32.5, to: 64, over: 10}", "{0: .nan}"])
def test_a_crop_is_a_whole_number(value: str) -> None:
    with pytest.raises(InputError, match="it is a whole number"):
        built("pix2pix", f"data.crop={value}")


@pytest.mark.parametrize("key", ["over", "after"])
def test_a_schedule_lasts_whole_iterations(key: str) -> None:
    values = {"from": 1, "to": 2, "over": 10, key: 20.5}
    with pytest.raises(InputError, match=f"{key} of a schedule is a whole number of iterations"):
        of(recipe(losses={"t": {"loss": "mean", "between": ["logits"], "weight": values}}))
