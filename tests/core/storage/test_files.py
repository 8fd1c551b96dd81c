"""Files that are whole or absent: what replaces what, under which names, and what a killed process leaves."""

import os
import random
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from advloss.core.errors import InputError
from advloss.core.storage import files
from advloss.core.storage.files import (
    Inputs,
    check_open,
    check_result,
    make_folder,
    replacing,
    sweep,
    temporary_folder,
    write_whole,
)


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "_swept", set())


def left(folder: str = ".") -> list[str]:
    """What lies in a folder, hidden things included."""
    return sorted(path.name for path in Path(folder).iterdir())


NAMES = [
    "a",
    "a.png",
    ".hidden",
    "a" * 251 + ".png",
    "写" * 83 + ".tif",
    "a." + "b" * 253,
    "\udcff\udcfe.png",
    "new",
    "lock",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("write", ["bytes", "torch", "numpy", "safetensors"])
def test_every_name_that_the_file_system_takes_can_be_written(name: str, write: str) -> None:
    def save(path: Path) -> None:
        if write == "torch":
            torch.save({}, path)
        elif write == "safetensors":
            save_file({"a": torch.zeros(3)}, path)
        elif write == "numpy":
            with path.open("wb") as file:
                np.save(file, np.zeros(3))
        else:
            path.write_bytes(b"whole")

    check_result(Path(name))
    for _ in range(2):  # new, and in the place of another
        with replacing(Path(name)) as temporary:
            save(temporary)
            assert Path(name).suffix in (temporary.suffix, "." + "b" * 253)
        assert left() == [name] and Path(name).stat().st_size


def test_names_and_paths_that_are_too_long_are_refused_in_a_sentence() -> None:
    for name, size in (("a" * 252 + ".png", 256), ("写" * 84 + ".png", 256), ("\udcff" * 256, 256)):
        for path in (Path(name), Path("new") / "folder" / name, Path("new") / name / "a.png"):
            with pytest.raises(InputError, match=f"has {size} bytes, and 255 is the most here; shorten it"):
                check_result(path)
    deep = Path(*["d" * 200] * 21, "a.png")
    for check in (check_result, check_open):
        with pytest.raises(InputError, match="and 4095 is the most here; name a shorter folder"):
            check(deep)
    assert left() == []


def test_what_fits_in_a_check_can_be_written() -> None:
    draw = random.Random(0)
    for _ in range(60):
        path = Path("x", *("y" * draw.randint(1, 255) for _ in range(draw.randint(10, 32))), "z" * draw.randint(1, 255))
        try:
            check_result(path)
        except InputError as error:
            assert "the most here" in str(error)
            with pytest.raises(OSError, match="name too long"):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, b"")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, b"")


def others() -> dict[str, Callable[[Path], object]]:
    """What may lie in a result's place and is not replaced, with a part of the sentence that says so."""
    return {
        "is a folder; name a file in it": Path.mkdir,
        "is a pipe, which no result replaces": os.mkfifo,
        "is a socket, which no result replaces": lambda path: os.mknod(path, 0o600 | stat.S_IFSOCK),
        "is a device, which no result replaces": lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3)),
        "is a link to other": lambda path: path.symlink_to("other"),
        "is a link to nowhere": lambda path: path.symlink_to("nowhere"),
        "is a link to loop": lambda path: path.symlink_to(path.name),
        "is itself an input": lambda path: os.link("input", path),
    }


@pytest.mark.parametrize("sentence", others())
def test_what_a_result_does_not_replace(sentence: str) -> None:
    Path("other").write_bytes(b"other")
    Path("input").write_bytes(b"input")
    place = Path("loop" if "loop" in sentence else "result")
    try:
        others()[sentence](place)
    except PermissionError:
        pytest.skip("only root makes devices")
    before, status = left(), place.lstat()
    with pytest.raises(InputError, match=f"{place}: {sentence}"):
        check_result(place, Inputs([None, Path("gone"), Path("input")]))
    if "link" not in sentence and "input" not in sentence:
        with pytest.raises(InputError, match=sentence), replacing(place):
            raise AssertionError("nothing is written")
    assert left() == before and os.path.samestat(place.lstat(), status)
    assert (Path("other").read_bytes(), Path("input").read_bytes()) == (b"other", b"input")


def test_an_input_is_known_by_all_its_names() -> None:
    Path("input").write_bytes(b"mine")
    Path("folder").symlink_to(".")
    Path("link").symlink_to("input")
    for name, known in (("input", "link"), ("folder/input", "input"), ("./input", Path("input").absolute())):
        with pytest.raises(InputError, match="is itself an input"):
            check_result(Path(name), Inputs([Path(known)]))


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664, 0o666, 0o755, 0o444])
def test_a_file_that_is_replaced_keeps_its_mode(mode: int) -> None:
    path = Path("a.safetensors")
    path.write_bytes(b"")
    path.chmod(mode)
    with replacing(path) as temporary:
        save_file({"a": torch.zeros(3)}, temporary)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077, 0o027])
def test_a_new_file_has_the_mode_of_other_programs_files(mask: int) -> None:
    before = os.umask(mask)
    try:
        with replacing(Path("a.safetensors")) as temporary:
            save_file({"a": torch.zeros(3)}, temporary)
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path("a.safetensors").stat().st_mode) == 0o666 & ~mask


def test_a_file_that_is_replaced_keeps_its_owner() -> None:
    if os.geteuid():
        pytest.skip("only root gives files away")
    path = Path("a.json")
    path.write_bytes(b"")
    os.chown(path, 1234, 4321)
    write_whole(path, b"{}")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


def test_an_error_leaves_what_was_there_and_nothing_else() -> None:
    Path("a").write_bytes(b"before")
    with pytest.raises(ZeroDivisionError), replacing(Path("a")) as temporary:
        temporary.write_bytes(b"half")
        (temporary.parent / "another").write_bytes(b"a library's own")
        raise ZeroDivisionError
    assert left() == ["a"] and Path("a").read_bytes() == b"before"
    with pytest.raises(FileNotFoundError) as error, replacing(Path("gone/a")):
        raise AssertionError("nothing is written")
    assert error.value.filename == "gone"


WRITER = """
import sys, time
from pathlib import Path
from advloss.core.storage.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    print(temporary, flush=True)
    time.sleep(60)
"""


def writer(path: str) -> subprocess.Popen[str]:
    """A process that has written half of a file and waits."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and "new" in process.stdout.readline()
    return process


def test_what_dead_processes_left_is_swept_and_what_living_ones_write_is_not() -> None:
    dead, living = writer("a.png"), writer("b.png")
    try:
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        with temporary_folder(Path()) as mine:
            assert len(left()) == 2, "this process's own and the living one's"
            sweep(Path())
            assert len(left()) == 2 and mine.is_dir()
        assert len(left()) == 1
    finally:
        living.kill()
        living.wait()
    check_open(Path())
    assert len(left()) == 1, "a folder is swept once"
    sweep(Path())
    assert left() == []


def test_only_folders_of_ours_are_swept() -> None:
    Path("elsewhere").mkdir()
    Path("elsewhere/mine").write_bytes(b"")
    for name in (".advloss-12345678", ".advloss-0123456", ".advloss-0123456g", ".tmp-12345678"):
        (Path(name) / "inner").mkdir(parents=True)
    Path(".advloss-00000000").write_bytes(b"a file")
    Path(".advloss-11111111").symlink_to("elsewhere")
    sweep(Path())
    kept = [".advloss-00000000", ".advloss-0123456", ".advloss-0123456g", ".advloss-11111111", ".tmp-12345678"]
    assert left() == [*kept, "elsewhere"] and left("elsewhere") == ["mine"]


def test_many_processes_that_write_and_sweep_lose_nothing() -> None:
    code = (
        "import sys; from pathlib import Path; from advloss.core.storage.files import replacing, sweep\n"
        "for number in range(60):\n"
        "    sweep(Path())\n"
        "    with replacing(Path(f'{sys.argv[1]}-{number}')) as temporary:\n"
        "        temporary.write_bytes(b'whole')\n"
    )
    several = [subprocess.Popen([sys.executable, "-c", code, str(number)]) for number in range(4)]
    assert [process.wait() for process in several] == [0] * 4
    assert len(left()) == 240 and all(Path(name).read_bytes() == b"whole" for name in left())


@pytest.fixture
def deep() -> Iterator[Path]:
    """The name of a folder for more levels than Python's own rmtree, and so pytest, can remove."""
    yield Path("deep")
    subprocess.run(["rm", "-rf", "deep"], check=True)


def test_folders_of_many_levels_can_be_written_to(deep: Path) -> None:
    below = deep.joinpath(*["dd"] * 1200)
    for folder, name in ((deep, "a.png"), (below, "b.png")):
        make_folder(folder)
        check_result(folder / name)
        write_whole(folder / name, b"")
        assert (folder / name).read_bytes() == b""
