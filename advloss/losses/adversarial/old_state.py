"""State dicts of before the clock, when parts of the loss counted their own calls."""

import re
from typing import Any

import torch

COUNTS = re.compile(r"penalties\.\d+\._extra_state|top_k\._extra_state|augment\.\d+\.turns")


def with_iteration(state_dict: dict[str, Any], prefix: str) -> None:
    """Puts the largest of the parts' counts in the place of them all, in a state dict of an `AdversarialLoss`."""
    old = [key for key in state_dict if COUNTS.fullmatch(key.removeprefix(prefix))]
    counts = [int(state_dict.pop(key)) for key in old]
    if counts:
        state_dict[f"{prefix}iteration"] = torch.tensor(max(counts))
