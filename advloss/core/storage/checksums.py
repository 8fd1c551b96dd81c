"""A checksum of named tensors: whether weights that are read are, to the bit, those that were written."""

import hashlib
import json
from collections.abc import Mapping

import torch
from torch import Tensor


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256, in hexadecimal, over the names, dtypes, shapes and bytes of tensors, sorted by name.

    tensors: dense, of any dtype and shape, on any device; where they lie in memory, and which share it, makes no
    difference. Two sets have one digest if and only if they are equal to the bit, signs of zeros and NaN included.
    """
    whole = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        head = [name, str(tensor.dtype), list(tensor.shape), tensor.numel() * tensor.element_size()]
        whole.update(f"{json.dumps(head)}\n".encode())
        values = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
        if values.numel():  # of an empty tensor there is nothing to view
            whole.update(values.view(torch.uint8).numpy().data)
    return whole.hexdigest()
