"""The error for a model that can't do what it is asked for. It says what the model can do."""

from pathlib import Path

from advloss.core.errors import InputError
from advloss.methods.base import Method

COMMANDS = {
    "translate": "`advloss translate MODEL INPUT OUTPUT` or Model.translate(image)",
    "upscale": "`advloss upscale INPUT OUTPUT --model MODEL` or Model.upscale(image)",
    "tokenize": "`advloss reconstruct INPUT OUTPUT --model MODEL` or Model.reconstruct(image)",
    "generate": "Model.sample(count)",
    "inpaint": "Model.inpaint(image, mask)",
    "classify": "Model.classify(image)",
}
"""The command and the call for each use."""


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
