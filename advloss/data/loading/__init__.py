"""Batches of a split: decoded, cached, augmented, cropped and sent to the device."""
