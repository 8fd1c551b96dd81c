"""Files on disk: whole or absent, locked, read within bounds, with checksums."""
