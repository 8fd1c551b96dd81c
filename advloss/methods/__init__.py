"""Methods: each turns a batch into named tensors, and declares its fields and uses."""
