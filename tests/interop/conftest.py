"""Readers of other projects' weights are tested on the same recorded passes as the networks."""

from tests.networks.conftest import recorded, seeded  # noqa: F401
