"""Methods: each makes named tensors of a batch, and declares its fields and uses."""
