"""Data sets of the papers by name, downloaded into the cache folder at their first use."""
