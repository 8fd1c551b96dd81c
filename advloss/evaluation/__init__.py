"""Measures of a model's results against true images, and the report of them."""
