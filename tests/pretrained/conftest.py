"""Weights from a cache, as the tests of losses have it."""

from tests.losses.conftest import cache  # noqa: F401
