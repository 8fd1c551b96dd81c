"""Uses that a method declares: a user's own method gets each of them by the same code as ours."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from advloss.core.errors import InputError
from advloss.images.reading import read_picture
from advloss.inference.model import Model
from advloss.methods.cyclegan import CycleGAN
from advloss.methods.uses import Direction, Tokenize, Translate, Upscale, check_uses, translations
from advloss.recipe import components
from advloss.recipe.model_file import save_model
from tests.data.pictures import picture
from tests.inference import own
from tests.inference.networks import repeated
from tests.training.started import done, refused


def model(method: type[own.Own], **data: object) -> Model:
    return Model(method().eval(), own.recipe_of("own", **data), {})


@pytest.fixture
def in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[type[own.Own]], str]:
    """Writes a model file of a user's own method, which is known as `own`; and a picture, a.png."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(picture(1, 6, 5)).save("a.png")

    def write(method: type[own.Own]) -> str:
        monkeypatch.setitem(components.METHODS, "own", method)
        save_model(Path("own.safetensors"), own.recipe_of("own"), method().state_dict(), {})
        return "own.safetensors"

    return write


def test_translate(in_files: Callable[[type[own.Own]], str]) -> None:
    file = in_files(own.OwnTranslator)
    done("translate", file, "a.png", "out.png")
    np.testing.assert_array_equal(read_picture("out.png").pixels, 255 - read_picture("a.png").pixels)
    done("translate", file, "a.png", "there.png", "--direction", "there")
    assert "did you mean 'there'?" in refused("translate", file, "a.png", "b.png", "--direction", "ther")
    said = refused("upscale", "a.png", "b.png", "--model", file)
    assert "own.safetensors is a own model, it translates: use `advloss translate MODEL INPUT OUTPUT`" in said


def test_upscale(in_files: Callable[[type[own.Own]], str]) -> None:
    done("upscale", "a.png", "out.png", "--model", in_files(own.OwnUpscaler))
    np.testing.assert_array_equal(read_picture("out.png").pixels, repeated(read_picture("a.png").pixels))


def test_tokenize_and_back(in_files: Callable[[type[own.Own]], str]) -> None:
    words = ["--model", in_files(own.OwnTokenizer)]
    done("tokenize", "a.png", "t.safetensors", *words)
    done("detokenize", "t.safetensors", "back", *words)
    done("reconstruct", "a.png", "again.png", *words)
    red = read_picture("a.png").pixels[..., :1].repeat(3, axis=2)
    for made in ("back/a.png", "again.png"):
        np.testing.assert_array_equal(read_picture(made).pixels, red)
    assert "is a tokenizer, it does not translate" in refused("translate", "own.safetensors", "a.png", "b.png")
    assert "not for none" in refused("export", "own.safetensors", "folder")


def test_inpaint_and_classify() -> None:
    made = model(own.OwnInpainter)
    image = picture(1, 64, 64)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 20:] = 1
    filled = made.inpaint(image, mask)
    np.testing.assert_array_equal(filled[:, :20], image[:, :20])
    assert filled.dtype == np.uint8 and (filled[:, 20:] == 255).all()
    with pytest.raises(InputError, match=re.escape("the mask is [4, 6], and of this image it is [64, 64]")):
        made.inpaint(image, mask[0, 0, :4, :6])
    np.testing.assert_allclose(made.classify(image)[0], image.mean((0, 1)) / 127.5 - 1, atol=1e-6)
    with pytest.raises(InputError, match="fills holes in images and tells classes of images, it does not translate"):
        made.translate(image)


def test_a_method_that_declares_no_use(in_files: Callable[[type[own.Own]], str]) -> None:
    file = in_files(own.Own)
    commands = [["translate", file, "a.png", "b.png"], ["upscale", "a.png", "b.png", "--model", file]]
    commands += [["tokenize", "a.png", "t.safetensors", "--model", file], ["evaluate", ".", "--model", file]]
    for command in commands:
        assert "its method 'own' declares no use, it only trains" in refused(*command)
    assert model(own.Own).directions == []
    for asked in ("translate", "upscale", "reconstruct", "tokenize"):
        with pytest.raises(InputError, match=f"this model can't {asked}: its method 'own' declares no use"):
            getattr(model(own.Own), asked)(torch.zeros(1, 3, 4, 4))


def test_a_direction_is_named() -> None:
    made = model(own.OwnTranslator)
    assert made.directions == ["there"] and made.use("translate") == own.OwnTranslator.uses["translate"]
    with pytest.raises(InputError, match=r"unknown direction of this model 'ther'; did you mean 'there'\?"):
        made.translate(torch.zeros(1, 3, 4, 4), "ther")
    assert translations(CycleGAN.uses).keys() == {"a2b", "b2a"} and translations(own.OwnUpscaler.uses) == {}


def test_no_module_but_the_table_of_components_knows_a_method() -> None:
    """So none can ask whether a method is of a class: a use is asked for by its name."""
    package = Path(components.__file__).parents[1]
    ours = {cls.__module__ for cls in components.METHODS.values()}
    for file in sorted(package.rglob("*.py")):
        if file.parent.name != "methods" and file != Path(components.__file__):
            text = file.read_text(encoding="utf-8")
            assert not [name for name in ours if f"{name} " in text], file


def test_uses_are_checked_where_a_method_is_declared() -> None:
    with pytest.raises(InputError, match=r"Wrong.uses: unknown use 'translat'; did you mean 'translate'\?"):
        type("Wrong", (own.Own,), {"uses": {"translat": Translate({})}})
    with pytest.raises(InputError, match=r"Wrong.uses: 'upscale' is declared by Upscale\(...\), not by Tokenize"):
        check_uses("Wrong", {"upscale": Tokenize("b")})
    check_uses("Right", {"upscale": Upscale(Direction("net", "b", "b"))})
