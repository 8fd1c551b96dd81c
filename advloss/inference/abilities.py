"""The error for a model that can't do what it is asked for. It says what the model can do."""

from pathlib import Path

from advloss.core.errors import InputError
from advloss.images.reading import is_image
from advloss.methods.base import Method

COMMANDS = {
    "translate": "`advloss translate MODEL INPUT OUTPUT` or Model.translate(image)",
    "upscale": "`advloss upscale INPUT OUTPUT --model MODEL` or Model.upscale(image)",
    "tokenize": "`advloss reconstruct INPUT OUTPUT --model MODEL` or Model.reconstruct(image)",
    "generate": "`advloss sample MODEL OUTPUT` or Model.sample(count)",
    "inpaint": "`advloss inpaint MODEL IMAGE MASK OUTPUT` or Model.inpaint(image, mask)",
    "classify": "`advloss classify MODEL FOLDER` or Model.classify(image)",
}
"""The command and the call for each use."""


def check_is_model(path: str | Path, use: str | None = None) -> None:
    """Raises InputError for a picture or a folder in the place of a model file, as in a command with its words
    exchanged. use: the key in `COMMANDS` of the command whose order the message says."""
    what = "a folder" if Path(path).is_dir() else "a picture" if is_image(Path(path)) else None
    if what is not None:
        order = f"; the order is {COMMANDS[use].partition(' or ')[0]}" if use else ""
        raise InputError(f"{path}: is {what}, and a model file belongs in its place{order}")


def unable(method: Method, name: str, asked: str, file: str | Path) -> InputError:
    """The error for a model that can't do what it is asked for, with the command for what it can do.

    name: of its method, as in recipes; asked: what it was asked to do, a verb; file: the model's name in the message.
    """
    if not method.uses:
        return InputError(
            f"{file} can't {asked}: its method '{name}' declares no use, it only trains; the method's class says what "
            'its models can do, such as uses = {"translate": ...} (see docs/extending.md)'
        )
    words = {
        "translate": f"is a {name} model, it translates",
        "upscale": f"enlarges {method.scale} times",
        "tokenize": "is a tokenizer",
        "generate": "makes images of noise",
        "inpaint": "fills holes in images",
        "classify": "tells classes of images",
    }
    what = " and ".join(words[use] for use in method.uses)
    instead = ", or ".join(COMMANDS[use] for use in method.uses)
    denied = "" if "translate" in method.uses else f", it does not {asked}"
    return InputError(f"{file} {what}{denied}: use {instead}")
