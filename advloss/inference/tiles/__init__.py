"""Applies a network to large images in tiles, with the output that it gives for the whole image."""
