"""Image files: one registry of formats, reading, writing."""

from advloss.images.formats import FORMATS, Format

__all__ = ["FORMATS", "Format"]
