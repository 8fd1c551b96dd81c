"""Losses and metrics: modules that take images [B, C, H, W] in [-1, 1] and give a scalar."""
