"""The folder of a run: its paths, checkpoint and log, and how a signal ends it."""
