"""The drawings of `stripes`: animals on grass or sand, once with a plain brown coat (a), once with stripes (b).

An unpaired translator can be scored on it: a scene has exactly one picture with each coat, and a small network can
recognise the coats. Along the body (coordinate 0 at the rump, 1 at the muzzle) the plain coat goes from dark to light,
and the stripes are at fixed coordinates. Everything else is the same in both pictures.
"""

from dataclasses import dataclass

import numpy as np

from advloss.data.synthetic.drawing import Array, capsule, ellipse, grid, inside, mix, smooth_noise, to_bytes

CYCLES = 4.0
"""Dark stripes from rump to muzzle: at 64 pixels about 6 pixels wide."""
FRONT, BACK = 0.80, -0.56
"""The places of the muzzle and the rump, in body lengths from the middle."""

BROWN_DARK, BROWN_LIGHT = (0.33, 0.15, 0.05), (0.86, 0.60, 0.30)
CREAM_DARK, CREAM_LIGHT = (0.80, 0.74, 0.60), (0.98, 0.96, 0.90)
STRIPE_DARK, STRIPE_LIGHT = (0.13, 0.12, 0.16), (0.27, 0.26, 0.28)
GROUNDS = (((0.36, 0.52, 0.22), (0.10, 0.12, 0.06)), ((0.74, 0.64, 0.44), (0.10, 0.09, 0.08)))
"""Grass and sand: each with its colour and how much the colour varies."""
SKY = (0.62, 0.78, 0.92)


@dataclass(frozen=True)
class Scene:
    """All random numbers of one picture, except the ground's texture. Lengths are fractions of the picture's side."""

    middle: tuple[float, float]
    length: float
    facing: int
    tilt: float
    neck: float
    swing: tuple[float, float]
    ground: int
    horizon: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Scene":
        """A random scene: where the animal stands, which way it faces, how it holds its legs, and what is around it."""
        length = rng.uniform(0.58, 0.68)
        facing = int(rng.choice([-1, 1]))
        room = 0.5 - 0.70 * length  # how far the animal can be moved to one side
        middle = (0.5 - facing * 0.12 * length + rng.uniform(-1, 1) * max(room, 0.01), rng.uniform(0.46, 0.54))
        swing = (rng.uniform(-0.12, 0.12), rng.uniform(-0.12, 0.12))
        tilt, neck = rng.uniform(-0.10, 0.10), rng.uniform(-0.10, 0.10)
        return cls(middle, length, facing, tilt, neck, swing, int(rng.integers(2)), rng.uniform(0.12, 0.30))


def draw(rng: np.random.Generator, size: int, striped: bool) -> Array:
    """uint8 [S, S, 3]. The same generator state gives the same scene in either coat."""
    scene = Scene.drawn(rng)
    picture = _ground(rng, scene, size)
    x, y = _body_axes(scene, size)
    body, hooves, eye = _animal(scene, x, y)
    pixel = 1 / (size * scene.length)
    shadow = ellipse(x, y, (0.02, 0.66), (0.55, 0.07))
    picture = mix(picture, picture * 0.62, np.clip(0.5 - shadow / 0.08, 0, 1))
    u = np.clip((x - BACK) / (FRONT - BACK) + 0.10 * y, 0, 1)  # [S, S]: 0 at the rump, 1 at the muzzle
    coat = (_striped(u) if striped else _plain(u)) * (1.0 - 0.14 * np.clip(y / 0.5, -1, 1))[..., None]
    picture = mix(picture, coat, inside(body, pixel))
    picture = mix(picture, (0.12, 0.10, 0.10), inside(np.maximum(hooves, body), pixel))
    return to_bytes(mix(picture, (0.05, 0.05, 0.05), inside(eye, pixel)))


def _between(low: tuple[float, float, float], high: tuple[float, float, float], t: Array) -> Array:
    return np.asarray(low, np.float32) + t[..., None] * (np.asarray(high, np.float32) - np.asarray(low, np.float32))


def _plain(u: Array) -> Array:
    return _between(BROWN_DARK, BROWN_LIGHT, u)


def _striped(u: Array) -> Array:
    wave = np.sin(2 * np.pi * CYCLES * u)
    dark = np.clip(0.5 + 2.2 * (wave - 0.25), 0, 1)  # a little narrower than the light ones, with soft edges
    return mix(_between(CREAM_DARK, CREAM_LIGHT, u), _between(STRIPE_DARK, STRIPE_LIGHT, u), dark)


def _body_axes(scene: Scene, size: int) -> tuple[Array, Array]:
    """Coordinates in body lengths: x towards the head, y down."""
    x, y = grid(size)
    x, y = (x - scene.middle[0]) / scene.length * scene.facing, (y - scene.middle[1]) / scene.length
    cos, sin = np.float32(np.cos(scene.tilt)), np.float32(np.sin(scene.tilt))
    return cos * x + sin * y, cos * y - sin * x


def _animal(scene: Scene, x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Signed distances to the whole animal, to its hooves and to its eye."""
    poll = (0.56, -0.44 + scene.neck)
    parts = [
        ellipse(x, y, (0.0, 0.0), (0.50, 0.29)),
        ellipse(x, y, (-0.27, 0.0), (0.25, 0.27)),
        capsule(x, y, (0.34, -0.10), poll, 0.13),
        capsule(x, y, poll, (0.72, -0.32 + scene.neck), 0.095),
        capsule(x, y, (0.50, -0.52 + scene.neck), (0.47, -0.62 + scene.neck), 0.035),
        capsule(x, y, (-0.46, -0.08), (-0.55, 0.22), 0.035),
    ]
    for at, swing in (
        (0.32, scene.swing[0]),
        (0.18, -scene.swing[0]),
        (-0.22, scene.swing[1]),
        (-0.36, -scene.swing[1]),
    ):
        parts.append(capsule(x, y, (at, 0.12), (at + swing, 0.60), 0.075))
    eye = ellipse(x, y, (0.60, -0.45 + scene.neck), (0.028, 0.028))
    return np.minimum.reduce(parts), 0.60 - y, eye


def _ground(rng: np.random.Generator, scene: Scene, size: int) -> Array:
    """Grass or sand below a strip of sky: [S, S, 3] in [0, 1]."""
    colour, varies = (np.asarray(value, np.float32) for value in GROUNDS[scene.ground])
    texture = 0.6 * smooth_noise(rng, size, (7, 5)) + 0.4 * smooth_noise(rng, size, (28, 14))
    ground = colour + texture[..., None] * varies
    _, y = grid(size)
    hills = y - scene.horizon - 0.03 * smooth_noise(rng, size, (1, 4))
    sky = np.asarray(SKY, np.float32) - 0.25 * (y[..., None] - scene.horizon)
    return mix(ground, sky, inside(hills, 1 / size))
