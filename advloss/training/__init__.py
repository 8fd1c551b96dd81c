"""Trains a built recipe: executors, the loop, and the folder of a run."""
