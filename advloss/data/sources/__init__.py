"""Data sets as splits, sources and fields: read from folders, shards, tables or lists of files."""
