"""Data sets that are drawn instead of downloaded: `stripes` and `facades-like`."""
