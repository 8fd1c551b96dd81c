"""Shared by all tests: the reference data in the folder of the checkout, which CI must have; the threads that
compute."""

import os
from pathlib import Path

import pytest

# before torch is imported, and for the processes that tests start: results may not depend on the machine's load
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else str(os.cpu_count() or 1))

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared(part: str) -> Path:
    """The folder or file `part` of the shared reference data; skips where it is absent, fails in CI."""
    path = SHARED / part
    if not path.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{path} is missing, and CI must have it")
        pytest.skip(f"{path} is not here")
    return path


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of values that the reference implementations compute."""
    return shared("golden")


@pytest.fixture(scope="session")
def photographs() -> Path:
    """bsds500: train and val, each with photo/*.jpg and edges/*.png of the same names."""
    return shared("data/bsds500")


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """The folder of published weights that `shared/tools/real_weights.py FOLDER` makes, in ADVLOSS_REAL_WEIGHTS."""
    folder = os.environ.get("ADVLOSS_REAL_WEIGHTS")
    if folder is None:
        if os.environ.get("CI") == "true":
            pytest.fail("ADVLOSS_REAL_WEIGHTS is not set, and CI must have real weights")
        pytest.skip("ADVLOSS_REAL_WEIGHTS is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def test_sets() -> Path:
    """Set5 and Set14, each with HR/ and LR_x4/."""
    return shared("data/sr")
