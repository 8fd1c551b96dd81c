"""Which recipe, size and time suit a data set: tried out on it, on this machine."""
