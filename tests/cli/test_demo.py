"""`advloss demo`: what is wrong is told before any page is served."""

import importlib.metadata
import socket
from pathlib import Path
from typing import Any

import pytest

from advloss.demo import server
from advloss.recipe import components
from advloss.recipe.model_file import save_model
from tests.data.pictures import fill
from tests.inference import own
from tests.training.started import refused


@pytest.fixture(autouse=True)
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model; gradio counts as installed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(components.METHODS, "own", own.OwnTranslator)
    monkeypatch.setattr(server, "version", lambda name: "6.31.0")
    save_model(Path("own.safetensors"), own.recipe_of("own"), own.OwnTranslator().state_dict(), {})
    return tmp_path / "own.safetensors"


def absent(name: str) -> str:
    raise importlib.metadata.PackageNotFoundError(name)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (absent, "the page needs gradio: pip install 'advloss[demo]'"),
        (lambda name: "6.9.2", "gradio 6.9.2 is too old, the page needs 6.31: pip install 'advloss[demo]'"),
    ],
)
def test_gradio_is_looked_for_first(version: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "version", version)
    assert refused("demo", "missing.safetensors").strip() == said


def test_broken_models(model: Path) -> None:
    Path("cut.safetensors").write_bytes(model.read_bytes()[:-20])
    Path("bad.pth").write_bytes(b"no weights")
    fill(Path("in"), 1)
    assert "cut.safetensors: " in refused("demo", "own.safetensors", "cut.safetensors")
    assert "bad.pth: " in refused("demo", "bad.pth")
    assert "missing.safetensors: " in refused("demo", "missing.safetensors")
    assert "in/000.png: is a picture, and a model file belongs in its place" in refused("demo", "in/000.png")
    assert "runs: is a folder" in (Path("runs").mkdir() or refused("demo", "runs"))


def test_addresses_and_examples() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused("demo", "own.safetensors", "--port", str(port))
        assert f"127.0.0.1:{port}: can't be listened on" in said and "--port 0 takes a free port" in said
    said = refused("demo", "own.safetensors", "--host", "192.0.2.1", "--port", "0")  # nobody's, by RFC 5737
    assert "192.0.2.1:0: can't be listened on (Cannot assign requested address)" in said
    Path("empty").mkdir()
    for examples, said in (("empty", "empty: holds no picture"), ("none", "none: is no picture and no folder")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(server, "_settle", lambda *_: None)
            assert said in refused("demo", "own.safetensors", "--port", "0", "--examples", examples)
