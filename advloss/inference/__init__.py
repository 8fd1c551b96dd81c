"""Inference: applies a trained model to images in memory and to files, in tiles, and to tokens."""
