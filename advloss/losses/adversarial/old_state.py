"""Reads older state dicts, in which parts of the loss counted their own calls instead of following a clock."""

import re
from typing import Any

import torch

COUNTS = re.compile(r"penalties\.\d+\._extra_state|top_k\._extra_state|augment\.\d+\.turns")


def with_iteration(state_dict: dict[str, Any], prefix: str) -> None:
    """Replaces the parts' counts in a state dict of an `AdversarialLoss` by one iteration, the largest of them."""
    old = [key for key in state_dict if COUNTS.fullmatch(key.removeprefix(prefix))]
    counts = [int(state_dict.pop(key)) for key in old]
    if counts:
        state_dict[f"{prefix}iteration"] = torch.tensor(max(counts))
