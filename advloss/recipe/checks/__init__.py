"""Checks of a recipe: its keys of data, and trials of its objects before the training."""
