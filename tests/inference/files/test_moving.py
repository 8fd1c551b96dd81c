"""Animations and videos through `advloss upscale` and `translate`: what the networks make of a frame is known."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from tests.data.films import COUNT, SIDE, colour, film
from tests.inference.networks import black_model, nearest_model, repeated
from tests.training.started import done, refused

DURATIONS = [40, 120, 80, 200]
COLOURS = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0)]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nearest_model(Path("m.safetensors"))


def upscale(*words: str | Path) -> str:
    return done("upscale", *words, "--model", "m.safetensors").stderr


def frames(hole: bool) -> list[Image.Image]:
    """Frames of one colour with a moving square; with a hole, transparent but for the square and a stripe."""
    made = []
    for number, rgb in enumerate(COLOURS):
        array = np.zeros((12, 16, 4), np.uint8)
        array[...] = (*rgb, 0 if hole else 255)
        array[2:6, 2 * number : 2 * number + 4] = (255, 255, 255, 255)
        array[9:] = (*rgb, 255)
        made.append(Image.fromarray(array if hole else array[..., :3]))
    return made


def save(path: str, hole: bool = False, **options: Any) -> None:
    first, *others = frames(hole)
    kind = {"disposal": 2} if path.endswith("gif") else {"lossless": True}
    first.save(path, save_all=True, append_images=others, duration=DURATIONS, **kind, **options)


def held(path: str) -> tuple[list[np.ndarray], list[int], Any]:
    """A file's frames in RGBA, their durations, and what it says of loops."""
    with Image.open(path) as image:
        loop = image.info.get("loop")
        each = [(np.asarray(one.convert("RGBA")), one.info["duration"]) for one in ImageSequence.Iterator(image)]
    return [array for array, _ in each], [duration for _, duration in each], loop


@pytest.mark.parametrize("hole", [False, True])
@pytest.mark.parametrize(("source", "target"), [("gif", "gif"), ("webp", "webp"), ("gif", "webp"), ("webp", "gif")])
@pytest.mark.parametrize("loop", [0, 3])
def test_each_frame_is_converted_and_the_times_are_kept(source: str, target: str, hole: bool, loop: int):
    save(f"a.{source}", hole, loop=loop)
    assert "1 picture written" in upscale(f"a.{source}", f"b.{target}")
    was, durations, looped = held(f"a.{source}")
    made, times, loops = held(f"b.{target}")
    assert times == durations == DURATIONS and looped == loop
    shown = {("gif", "webp"): loop and loop + 1, ("webp", "gif"): loop and loop - 1}.get((source, target), loop)
    assert loops == shown
    for one, other in zip(was, made, strict=True):
        expected = repeated(one)
        np.testing.assert_array_equal(other[..., 3], expected[..., 3])
        visible = expected[..., 3] > 0
        assert np.abs(other[visible].astype(int) - expected[visible]).mean() < 5  # WebP is lossy


def test_a_gif_that_is_shown_once_stays_so_and_a_single_one_becomes_a_png():
    save("a.gif")
    upscale("a.gif", "b.gif")
    assert held("b.gif")[2] is None
    frames(False)[0].save("still.gif")
    Path("in").mkdir()
    for name in ("a.gif", "still.gif"):
        Path("in", name).write_bytes(Path(name).read_bytes())
    said = upscale("in", "out")
    assert {path.name for path in Path("out").iterdir()} == {"a.gif", "still.png"}
    assert "GIF files are read and not written: their results are PNGs (in/still.gif)" in said
    said = upscale("a.gif", "first.png")
    assert "of files that hold several pictures the first is taken" in said
    upscale("in", "webp", "--format", "webp")
    assert len(held("webp/a.webp")[0]) == 4


def test_a_translator_too():
    black_model(Path("t.safetensors"))
    save("a.gif", hole=True, loop=0)
    done("translate", "t.safetensors", "a.gif", "b.gif")
    was, made = held("a.gif"), held("b.gif")
    assert was[1:] == made[1:]
    for one, other in zip(was[0], made[0], strict=True):
        np.testing.assert_array_equal(other[..., 3], one[..., 3])
        assert (other[one[..., 3] > 0][:, :3] == 0).all()


def test_a_damaged_animation_is_named_and_leaves_nothing():
    save("a.webp", loop=0)
    content = Path("a.webp").read_bytes()
    Path("cut.webp").write_bytes(content[: len(content) * 2 // 3])
    before = sorted(Path().iterdir())
    assert "cut.webp" in refused("upscale", "cut.webp", "b.webp", "--model", "m.safetensors")
    assert sorted(Path().iterdir()) == before


def shown(path: str) -> tuple[list[np.ndarray], list[Fraction], list[bytes], Any]:
    """A video's frames, their times, the bytes of its packets of sound, and its frame rate."""
    with av.open(path) as file:
        video, sound = file.streams.video[0], [*file.streams.audio]
        pictures, times, packets = [], [], []
        for packet in file.demux(video, *sound):
            if packet.stream is not video:
                packets += [bytes(packet)] if packet.size else []
                continue
            for frame in packet.decode():
                pictures.append(frame.to_ndarray(format="rgb24"))
                times.append(frame.pts * frame.time_base)
        return pictures, times, packets, (video.average_rate, video.time_base, file.metadata.get("title"))


@pytest.mark.parametrize(("name", "sound"), [("mp4", "aac"), ("mkv", "flac"), ("webm", "libopus"), ("mov", None)])
def test_a_video_keeps_its_sound_and_its_times(name: str, sound: str | None):
    film(f"a.{name}", sound)
    assert "1 picture written" in upscale(f"a.{name}", f"b.{name}")
    was, times, packets, about = shown(f"a.{name}")
    made, later, copied, kept = shown(f"b.{name}")
    assert len(made) == len(was) == COUNT and made[0].shape == (2 * SIDE, 96, 3)
    assert later == times and kept == about
    assert copied == packets and bool(packets) == (sound is not None)
    for number, (one, other) in enumerate(zip(was, made, strict=True)):
        assert np.abs(repeated(one).astype(int) - other).max() < 12, number
        assert np.abs(other.mean((0, 1)) - colour(number)).max() < 6
    assert [path for path in Path().iterdir() if path.name.startswith(".")] == []


def test_a_folder_of_videos_and_pictures_and_odd_sizes():
    Path("in").mkdir()
    film("in/a.mp4", size=(SIDE, 46))
    Path("in/b.mp4").write_bytes(b"no video at all")
    frames(False)[0].save("in/c.png")
    message = refused("upscale", "in", "out", "--model", "m.safetensors")
    assert "in/b.mp4: can't be read as a video" in message and "in/a.mp4" not in message
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.mp4", "c.png"]
    black_model(Path("t.safetensors"))
    done("translate", "t.safetensors", "in/a.mp4", "black.mkv")
    pictures, _, packets, _ = shown("black.mkv")
    assert len(pictures) == COUNT and max(int(one.max()) for one in pictures) < 8
    assert packets == shown("in/a.mp4")[2]


def test_a_video_that_is_turned_is_upright():
    array = np.zeros((SIDE, 48, 3), np.uint8)
    array[: SIDE // 2] = 255  # white above
    with av.open("a.mp4", "w") as file:
        video = file.add_stream("libx264", rate=25, options={"crf": "10"})
        video.height, video.width, video.pix_fmt = SIDE, 48, "yuv420p"
        video.set_display_rotation(90)
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(array, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
    with av.open("a.mp4") as file:
        turned = next(file.decode(video=0)).rotation
    assert turned in (90, -90)
    upscale("a.mp4", "b.mp4")
    (first, *_), *_ = shown("b.mp4")
    left, right = first[:, :SIDE].mean(), first[:, SIDE:].mean()
    assert first.shape == (96, 2 * SIDE, 3) and abs(left - right) > 200
    assert (left > right) == (turned == 90)  # FFmpeg counts against the clock


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["text.mp4", "b.mp4"], "text.mp4: can't be read as a video (Invalid data found"),
        (["cut.mp4", "b.mp4"], "cut.mp4: can't be read as a video"),
        (["tone.mp4", "b.mp4"], "tone.mp4: has no picture, only audio"),
        (["a.mp4", "b.png"], "b.png: a.mp4 is a video, and so is its result: name a .mp4"),
        (["a.mp4", "b.webm"], "b.webm: a .webm can't hold the sound of a.mp4 (aac); name a .mkv"),
        (["a.mp4", "a.mp4", "--overwrite"], "a.mp4: is itself an input of this command"),
    ],
)
def test_videos_that_can_not_be_converted(words: list[str], message: str):
    film("a.mp4")
    Path("text.mp4").write_text("no video")
    Path("cut.mp4").write_bytes(Path("a.mp4").read_bytes()[:700])
    with av.open("tone.mp4", "w") as file:
        tone = file.add_stream("aac", rate=48000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        silence.sample_rate, silence.pts = 48000, 0
        tone.layout = "mono"
        file.mux(tone.encode(silence))
        file.mux(tone.encode(None))
    before = {path: path.read_bytes() for path in Path().iterdir()}
    assert message in refused("upscale", *words, "--model", "m.safetensors")
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_without_pyav_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch):
    film("a.mp4")
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    message = refused("upscale", "a.mp4", "b.mp4", "--model", "m.safetensors")
    assert "a.mp4: a video is read with PyAV: pip install 'advloss[video]'" in message
