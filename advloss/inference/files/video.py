"""Converts videos with PyAV, frame by frame in little memory: sound, frame times and frame rate are kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from advloss.core.errors import InputError
from advloss.core.storage.files import make_folder, replacing
from advloss.images.picture import Picture
from advloss.inference.files.moving import VIDEOS, Frames

INSTALL = "pip install 'advloss[video]'"
CODECS = {".webm": ("libvpx-vp9", {"crf": "24", "b:v": "0", "row-mt": "1"}), ".avi": ("mpeg4", {"qscale": "2"})}
"""The encoder of a file's kind, and its settings."""
H264 = ("libx264", {"crf": "17"})
"""Of all other kinds. At crf 17 no difference is seen."""
MPEG4 = ("mpeg4", {"qscale": "2"})
"""Where H.264 is not built in."""
HD = 720
"""Rows from which a video that does not say its colour matrix has that of HDTV (ITU-R BT.709), below BT.601."""
BT709, BT601, UNSAID = 1, 5, 2


def convert_video(frames: Frames, source: Path, result: Path) -> int:
    """Converts each frame of a video; sound is copied as it is. Gives the number of frames.

    One frame is in memory at a time, and a few in the encoder. The result is H.264 (VP9 in .webm, MPEG-4 in .avi), 8
    bits, with the times of the source's frames. A rotation that the file asks for is applied. Raises InputError for a
    file that is no video or has no frame that can be decoded, for sound that the result's kind of file can't hold, and
    where PyAV is not installed.
    """
    if result.suffix.lower() not in VIDEOS:
        raise InputError(f"{result}: the result of a video is a video ({', '.join(VIDEOS)})")
    av = _av(source)
    with _named(av, source):
        reading = av.open(str(source))
    with reading:
        if not reading.streams.video:
            raise InputError(
                f"{source}: has no picture, only {', '.join(s.type for s in reading.streams) or 'nothing'}"
            )
        make_folder(result.parent)
        with (
            replacing(result) as temporary,
            _named(av, result, "can't be written as a video"),
            av.open(str(temporary), "w", options=_options(result)) as writing,
        ):
            return _Copy(av, frames, reading, writing, source, result).run()


def _av(source: Path) -> Any:
    try:
        import av
    except ImportError:
        raise InputError(f"{source}: a video is read with PyAV: {INSTALL}") from None
    return av


def _options(result: Path) -> dict[str, str]:
    """Of the file: a player can begin before it has the whole."""
    return {"movflags": "+faststart"} if result.suffix.lower() in (".mp4", ".m4v", ".mov") else {}


@contextmanager
def _named(av: Any, path: Path, why: str = "can't be read as a video") -> Iterator[None]:
    """A context in which errors of FFmpeg become one of ours, with the file's name."""
    try:
        yield
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: {why} ({getattr(error, 'strerror', None) or error})") from None


class _Copy:
    """One video on its way into another file."""

    def __init__(self, av: Any, frames: Frames, reading: Any, writing: Any, source: Path, result: Path) -> None:
        self.av, self.frames, self.reading, self.writing = av, frames, reading, writing
        self.source, self.result = source, result
        self.video = reading.streams.video[0]
        self.video.thread_type = "AUTO"
        self.stream: Any = None  # of the result; known with the first frame
        self.count = 0
        writing.metadata.update(reading.metadata)
        self.sound = {stream: self._copied(stream) for stream in reading.streams.audio}

    def run(self) -> int:
        """Goes through the packets in their order; gives the number of frames."""
        waiting: list[Any] = []  # packets of sound before the first frame: the file's header names all streams
        with tqdm(total=self.video.frames or None, unit="frame", disable=None) as bar:
            for packet in self._packets():
                if packet.stream is self.video:
                    for frame in self._decoded(packet):
                        self._convert(frame)
                        bar.update()
                elif packet.dts is not None:
                    waiting.append(packet)
                while self.stream is not None and waiting:
                    self._mux_sound(waiting.pop(0))
        if not self.count:
            raise InputError(f"{self.source}: holds no frame that can be decoded; it is damaged or cut short")
        for packet in self.stream.encode(None):
            self.writing.mux(packet)
        return self.count

    def _packets(self) -> Iterator[Any]:
        with _named(self.av, self.source):
            yield from self.reading.demux(self.video, *self.sound)

    def _decoded(self, packet: Any) -> Iterator[Any]:
        with _named(self.av, self.source, "can't be decoded to its end"):
            yield from packet.decode()

    def _copied(self, stream: Any) -> Any:
        """A stream of sound in the result, which holds the same packets."""
        name = stream.codec_context.codec.canonical_name
        if name not in self.writing.supported_codecs:
            kind = self.result.suffix
            raise InputError(f"{self.result}: a {kind} can't hold the sound of {self.source} ({name}); name a .mkv")
        return self.writing.add_stream_from_template(stream)

    def _mux_sound(self, packet: Any) -> None:
        stream = packet.stream
        packet.stream = self.sound[stream]
        self.writing.mux(packet)

    def _convert(self, frame: Any) -> None:
        matrix = _matrix(frame)
        pixels = frame.reformat(format="rgb24", src_colorspace=matrix).to_ndarray()
        pixels = np.rot90(pixels, round(frame.rotation / 90)) if frame.rotation else pixels
        made = self.frames(Picture(np.ascontiguousarray(pixels))).pixels
        if self.stream is None:
            self._begin(frame, *made.shape[:2])
        if made.shape[:2] != (self.stream.height, self.stream.width):
            raise InputError(f"{self.source}: its frames change their size after {self.count}, which no video here has")
        colours = made if made.shape[2] == 3 else made.repeat(3, 2)
        image = self.av.VideoFrame.from_ndarray(np.ascontiguousarray(colours), format="rgb24")
        image = image.reformat(format=self.stream.pix_fmt, dst_colorspace=matrix)
        image.pts, image.time_base = frame.pts, frame.time_base or self.video.time_base
        image.duration = frame.duration
        for packet in self.stream.encode(image):
            self.writing.mux(packet)
        self.count += 1

    def _begin(self, frame: Any, height: int, width: int) -> None:
        """Makes the result's stream of pictures: the frame rate, the clock and the colour matrix of the source."""
        codec, options = CODECS.get(self.result.suffix.lower(), H264)
        if codec not in self.av.codecs_available:
            codec, options = MPEG4
        rate = self.video.guessed_rate or self.video.average_rate or 25  # of the times between frames
        self.stream = stream = self.writing.add_stream(codec, rate=rate, options=dict(options))
        stream.height, stream.width = height, width
        stream.pix_fmt = "yuv444p" if (height % 2 or width % 2) and codec != "mpeg4" else "yuv420p"
        stream.codec_context.time_base = self.video.time_base
        stream.sample_aspect_ratio = self.video.sample_aspect_ratio or 1
        stream.codec_context.colorspace = _matrix(frame)
        stream.codec_context.color_range = 1  # of television, as encoders expect
        if frame.color_primaries != UNSAID:
            stream.codec_context.color_primaries, stream.codec_context.color_trc = (
                frame.color_primaries,
                frame.color_trc,
            )


def _matrix(frame: Any) -> int:
    """The colour matrix of a frame, as FFmpeg numbers them."""
    said = int(frame.colorspace)
    return {1: BT709, 5: BT601, 6: BT601, 9: 9, 7: 7, 4: 4}.get(said, BT709 if frame.height >= HD else BT601)
