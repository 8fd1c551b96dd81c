"""Applies a model to folders of files: reads and writes on threads, and reports the files that it skipped."""
