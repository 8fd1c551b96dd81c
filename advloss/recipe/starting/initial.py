"""The recipe's `initial`: the files that a training starts from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator


def _files(value: Any) -> Any:
    """One file for a part, or a mapping of files by the names of networks or terms."""
    if value is None or isinstance(value, Path):
        return value
    if isinstance(value, Mapping) and value and all(isinstance(each, str | Path) for each in value.values()):
        return {str(name): Path(each) for name, each in value.items()}
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no file; name one, or a mapping of files such as {{g_ab: FILE}}")
    return Path(value)


Files = Annotated[Path | dict[str, Path] | None, BeforeValidator(_files)]


class Initial(BaseModel):
    """What a training starts from: `initial: FILE`, short for `{file: FILE}`, or a file for each part.

    file: all that it has: a model's networks, a checkpoint's networks and discriminators. generator: for the method's
    networks, or a mapping of their names. discriminator: for the terms with a discriminator, or a mapping of their
    names. strict: whether every tensor must be in the file and fit; if not, those that fit are taken.
    """

    model_config = ConfigDict(extra="forbid")
    file: Path | None = None
    generator: Files = None
    discriminator: Files = None
    strict: bool = True

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str | Path) else value

    @model_validator(mode="after")
    def _names_files(self) -> "Initial":
        parts = self.generator is not None or self.discriminator is not None
        if self.file is not None and parts:
            raise ValueError("file stands for all that it has; leave it out, or leave out generator and discriminator")
        if self.file is None and not parts:
            raise ValueError("names no file: initial=FILE, or initial={generator: FILE, discriminator: FILE}")
        return self
