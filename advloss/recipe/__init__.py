"""Recipes: from the text of a YAML file to a checked recipe, and from that to objects and to a model file."""
