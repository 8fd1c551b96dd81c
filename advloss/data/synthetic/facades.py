"""The drawings of `facades-like`: label maps in flat colours (a), and houses that look as the maps say (b)."""

from dataclasses import dataclass, field

import numpy as np

from advloss.data.synthetic.drawing import Array, grid, mix, smooth_noise, to_bytes

LABELS = {
    "sky": (120, 200, 255),
    "wall": (20, 40, 200),
    "roof": (200, 60, 30),
    "window": (40, 220, 230),
    "door": (240, 160, 20),
    "balcony": (150, 60, 200),
}
"""The labels' colours, 8-bit RGB."""
KINDS = list(LABELS)

Box = tuple[float, float, float, float]  # left, top, right, bottom, as fractions of the picture's side


@dataclass
class House:
    """The boxes of a house's parts, by label."""

    boxes: dict[str, list[Box]] = field(default_factory=dict)
    gable: bool = False

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "House":
        """A random house of 2 to 4 floors with 3 to 5 windows each, one of which is the door."""
        left, right = rng.uniform(0.02, 0.10), rng.uniform(0.90, 0.98)
        top, eaves = rng.uniform(0.06, 0.12), rng.uniform(0.20, 0.28)
        wall = (left + 0.02, eaves, right - 0.02, 1.0)
        floors, columns = int(rng.integers(2, 5)), int(rng.integers(3, 6))
        high, wide = (1.0 - eaves) / floors, (wall[2] - wall[0]) / columns
        share_x, share_y = rng.uniform(0.45, 0.62), rng.uniform(0.50, 0.64)
        door = int(rng.integers(columns))
        with_balcony = rng.random((floors, columns)) < 0.3
        house = cls({"wall": [wall], "roof": [(left, top, right, eaves)]}, bool(rng.random() < 0.5))
        for floor in range(floors):
            for column in range(columns):
                centre, upper = wall[0] + (column + 0.5) * wide, eaves + floor * high
                half = share_x * wide / 2
                if floor == floors - 1 and column == door:
                    house.add("door", (centre - half, upper + 0.22 * high, centre + half, 1.0))
                    continue
                lower = upper + (0.18 + share_y) * high
                house.add("window", (centre - half, upper + 0.18 * high, centre + half, lower))
                if floor < floors - 1 and with_balcony[floor, column]:
                    house.add("balcony", (centre - 0.46 * wide, lower - 0.2 * high, centre + 0.46 * wide, lower))
        return house

    def add(self, kind: str, box: Box) -> None:
        """Adds a box with the label `kind`; later boxes of one label are drawn over earlier ones."""
        self.boxes.setdefault(kind, []).append(box)


def draw(rng: np.random.Generator, size: int, labels: bool) -> Array:
    """uint8 [S, S, 3]. The same generator state gives the same house as labels and as a picture."""
    house = House.drawn(rng)
    kinds = _kinds(house, size)
    if labels:
        return np.asarray([LABELS[kind] for kind in KINDS], np.uint8)[kinds]
    return to_bytes(_rendered(rng, house, kinds, size))


def _pixels(box: Box, size: int) -> tuple[slice, slice]:
    left, top, right, bottom = (round(value * size) for value in box)
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def _kinds(house: House, size: int) -> Array:
    """The number of each pixel's label: [S, S]."""
    kinds = np.zeros((size, size), np.uint8)
    for kind in KINDS[1:]:
        for box in house.boxes.get(kind, []):
            kinds[_pixels(box, size)] = KINDS.index(kind)
    if house.gable:  # slanted ends of the roof
        x, y = grid(size)
        left, top, right, bottom = house.boxes["roof"][0]
        slant = (bottom - y) * 0.8
        outside = (y < bottom) & (y > top) & ((x < left + slant) | (x > right - slant))
        kinds[outside] = KINDS.index("sky")
    return kinds


def _rendered(rng: np.random.Generator, house: House, kinds: Array, size: int) -> Array:
    """[S, S, 3] in [0, 1]."""
    x, y = grid(size)
    light = 1.08 - 0.22 * x - 0.10 * y  # from the upper left
    grain = 0.05 * smooth_noise(rng, size, (size // 2, size // 2)) + 0.05 * smooth_noise(rng, size, (6, 6))
    tone = rng.uniform(-0.04, 0.04, 3)
    picture = np.ones((size, size, 3), np.float32) * np.asarray((0.55, 0.72, 0.92), np.float32)
    picture = mix(picture, (0.95, 0.96, 0.98), np.clip(0.5 + 0.8 * smooth_noise(rng, size, (4, 3)) - y, 0, 0.9))
    picture = np.where((kinds == KINDS.index("wall"))[..., None], _bricks(x, y) + tone, picture)
    rows = 0.10 * (np.mod(y * 28, 1) < 0.35)[..., None]
    picture = np.where((kinds == KINDS.index("roof"))[..., None], np.asarray((0.42, 0.24, 0.20)) - rows, picture)
    for kind, paint in (("window", _window), ("door", _door), ("balcony", _balcony)):
        for box in house.boxes.get(kind, []):
            part = _pixels(box, size)
            picture[part] = paint(picture[part])
    left, _, right, eaves = house.boxes["roof"][0]
    under = np.clip(1 - (y - eaves) / 0.05, 0, 1) * (y > eaves) * (x > left) * (x < right)
    shade = np.where(kinds == KINDS.index("sky"), 1.0, light * (1 + grain) * (1 - 0.35 * under))
    return picture * shade[..., None]


def _bricks(x: Array, y: Array) -> Array:
    row = np.floor(y * 40)
    seam = (np.mod(y * 40, 1) < 0.22) | (np.mod(x * 18 + 0.5 * np.mod(row, 2), 1) < 0.10)
    return np.where(seam[..., None], np.asarray((0.78, 0.70, 0.62)), np.asarray((0.68, 0.42, 0.32)))


def _within(part: Array) -> tuple[Array, Array]:
    """x and y in [0, 1] within a part of the picture."""
    height, width = part.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return (x + 0.5) / width, (y + 0.5) / height


def _window(part: Array) -> Array:
    """A white frame with a cross, panes that reflect the sky at the top, a sill."""
    x, y = _within(part)
    sky = np.clip(0.9 - 0.8 * y - 0.25 * x, 0, 1)[..., None]
    glass = np.asarray((0.10, 0.14, 0.20)) * (1 - sky) + np.asarray((0.55, 0.66, 0.76)) * sky
    frame = (x < 0.10) | (x > 0.90) | (y < 0.08) | (y > 0.90) | (np.abs(x - 0.5) < 0.05) | (np.abs(y - 0.38) < 0.04)
    return np.where(frame[..., None], np.asarray((0.93, 0.92, 0.88)) - 0.25 * (y > 0.94)[..., None], glass)


def _door(part: Array) -> Array:
    """Dark wood with two panels, a light over it, and a knob."""
    x, y = _within(part)
    wood = np.asarray((0.36, 0.22, 0.12)) * (1 + 0.15 * np.sin(40 * x))[..., None]
    panel = (np.abs(np.abs(x - 0.5) - 0.22) < 0.14) & (np.abs(np.abs(y - 0.62) - 0.16) < 0.12)
    wood = np.where(panel[..., None], wood * 0.72, wood)
    over = (y < 0.22) & (y > 0.06) & (x > 0.10) & (x < 0.90)
    wood = np.where(over[..., None], np.asarray((0.70, 0.76, 0.78)), wood)
    knob = np.hypot(x - 0.86, (y - 0.62) * 2) < 0.06
    return np.where(knob[..., None], np.asarray((0.85, 0.72, 0.30)), wood)


def _balcony(part: Array) -> Array:
    """An iron railing in front of what lies behind, on a stone slab."""
    x, y = _within(part)
    rail = (np.mod(x * 9, 1) < 0.38) | (y < 0.16)
    picture = np.where(rail[..., None], np.asarray((0.13, 0.13, 0.15)), part * 0.85)
    return np.where((y > 0.82)[..., None], np.asarray((0.62, 0.60, 0.57)), picture)
