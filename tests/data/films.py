"""Small videos with sound."""

from fractions import Fraction

import av
import numpy as np

RATE, SIDE, COUNT = Fraction(24000, 1001), 32, 12


def colour(number: int) -> tuple[int, int, int]:
    return 40 + 15 * number, 200 - 10 * number, 90


def film(path: str, sound: str | None = "aac", count: int = COUNT, size: tuple[int, int] = (SIDE, 48)) -> None:
    """A video of frames of one colour, with a sine of 440 Hz. Its sixth frame is shown twice as long."""
    with av.open(path, "w") as file:
        codec = "libvpx-vp9" if path.endswith("webm") else "libx264"
        video = file.add_stream(codec, rate=RATE, options={"crf": "10"})
        video.height, video.width, video.pix_fmt = *size, "yuv420p"
        video.codec_context.time_base = Fraction(1, 24000)
        tone = file.add_stream(sound, rate=48000) if sound else None
        file.metadata["title"] = "a film"
        for number in range(count):
            array = np.full((*size, 3), colour(number), np.uint8)
            frame = av.VideoFrame.from_ndarray(array, format="rgb24")
            frame.pts, frame.time_base = 1001 * (number + (number > 5)), Fraction(1, 24000)
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        if tone is not None:
            wave = (np.sin(np.arange(24000) * 2 * np.pi * 440 / 48000) / 2).astype(np.float32)
            layout = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
            layout.sample_rate, layout.pts = 48000, 0
            resampler = av.AudioResampler(format=tone.format, layout=tone.layout, rate=48000)
            for part in [*resampler.resample(layout), None]:
                file.mux(tone.encode(part))
