"""The form of a TIFF: what its tags say of its samples, and the forms that no picture can hold."""

from dataclasses import dataclass
from typing import Any

from advloss.images.decoding import ORIENTATION
from advloss.images.picture import MOST_CHANNELS, Depth, Undecodable

UNSPECIFIED, COVERING, ALPHA = 0, 1, 2
"""The values of TIFF's ExtraSamples: no alpha, alpha by which the colours are multiplied, alpha alone. Others occur."""
PHOTOMETRIC = {0: "grey (0 is white)", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab"}
SAMPLES = {1: "", 2: "signed ", 3: "floating-point ", 4: "", 5: "complex whole-number ", 6: "complex "}
COMPRESSION = {1: "no", 5: "LZW", 7: "JPEG", 8: "deflate", 32773: "PackBits", 32946: "deflate", 50000: "Zstandard"}


@dataclass(frozen=True)
class Form:
    """What the tags of a TIFF's first page say of its samples. colours: 1 or 3; extra: of each further channel;
    kind: TIFF's SampleFormat."""

    size: tuple[int, int]  # as stored, (height, width)
    photometric: int
    bits: int
    kind: int
    channels: int
    extra: tuple[int, ...]
    planar: bool
    compression: int
    orientation: int
    little: bool  # the byte order
    big: bool  # a BigTIFF

    @property
    def unopened(self) -> bool:
        """Whether Pillow can't open it: a big-endian BigTIFF."""
        return self.big and not self.little

    @property
    def colours(self) -> int:
        """The channels that are no extra ones, in the file."""
        return self.channels - len(self.extra)

    @property
    def alpha(self) -> bool:
        """Whether the last channel is the alpha of whole numbers. Floats and several extra channels stay as they are
        stored."""
        return self.kind != 3 and self.colours in (1, 3) and len(self.extra) == 1 and self.extra != (UNSPECIFIED,)

    @property
    def depth(self) -> Depth:
        """The depth of what is read."""
        return "float" if self.kind == 3 else 8 if self.bits <= 8 else 16

    @property
    def simple(self) -> bool:
        """Whether there are no channels but colours and their alpha."""
        return not self.extra or self.alpha

    @property
    def words(self) -> str:
        """Such as `16-bit RGB with 2 more channels, planar, LZW compression`."""
        bits = f"{self.bits}-bit {SAMPLES.get(self.kind, f'(sample format {self.kind}) ')}"
        photometric = PHOTOMETRIC.get(self.photometric, f"photometric interpretation {self.photometric}")
        more = f" with {len(self.extra)} more channel{'s' * (len(self.extra) > 1)}" if self.extra else ""
        compression = COMPRESSION.get(self.compression, f"compression {self.compression}")
        return f"{bits}{photometric}{' with alpha' if self.alpha else more}" + (
            f"{', planar' if self.planar else ''}, {compression} compression"
        )


def form_of(page: Any) -> Form:
    """The form of tifffile's page. Raises `Undecodable` for one whose numbers no picture can hold."""
    bits, kinds = tag_of(page, 258, (1,)), tag_of(page, 339, (1,))
    bits, kinds = (each if isinstance(each, tuple) else (each,) for each in (bits, kinds))
    compression, photometric = int(tag_of(page, 259, 1)), int(tag_of(page, 262, 0))
    channels = int(tag_of(page, 277, 3 if compression in (6, 7) and photometric == 6 else 1))
    natural = {2: 3, 5: 4, 6: 3, 8: 3}.get(photometric, 1)
    extra = tag_of(page, 338, ())
    extra = tuple(map(int, extra if isinstance(extra, tuple) else (extra,)))[: max(channels - natural, 0)]
    if len(extra) < channels - natural:  # a fourth channel of RGB that is not declared is alpha for all programs
        missing = channels - natural - len(extra)
        extra += (ALPHA if (natural, channels) == (3, 4) else UNSPECIFIED,) * missing
    orientation = tag_of(page, ORIENTATION, 1)
    form = Form(
        (int(page.imagelength), int(page.imagewidth)),
        photometric,
        int(bits[0]),
        int(kinds[0]) if kinds[0] != 4 else 1,
        channels,
        extra,
        channels > 1 and tag_of(page, 284, 1) == 2,
        compression,
        orientation if orientation in range(1, 9) else 1,
        page.parent.byteorder == "<",
        page.parent.is_bigtiff,
    )
    if len(set(bits[:channels])) > 1 or len(set(kinds[:channels])) > 1:
        raise refused(form, "its channels differ in bits or type")
    _check_form(form, page)
    return form


def _check_form(form: Form, page: Any) -> None:
    if form.photometric not in PHOTOMETRIC:
        raise refused(form)
    if form.kind not in (1, 2, 3) or (form.kind == 2 and form.bits <= 8):
        raise refused(form, "whole numbers from 0 and floating point can be read")
    if page.imagedepth > 1:
        raise refused(form, f"it holds {page.imagedepth} layers, and a picture has one")
    if not 1 <= form.channels <= MOST_CHANNELS:
        raise refused(form, f"it has {form.channels} channels, and a picture 1 to {MOST_CHANNELS}")
    if min(form.size) < 1:
        raise refused(form, "it holds no pixels")
    if form.photometric not in (0, 1, 2) and (form.bits > 8 or not form.simple or form.kind != 1):
        raise refused(form)


def tag_of(page: Any, number: int, default: Any = None) -> Any:
    """The value of a tag of tifffile's page; the default if the page has none."""
    value = page.tags.valueof(number, default)
    return default if value is None else value


def refused(form: Form, why: str = "this form can't be read") -> Undecodable:
    """The error for a form that can't be read. It names the form."""
    return Undecodable(f"a TIFF of {form.words}: {why}")
