"""Losses that compare images by the features of a frozen network: VGG (content, style) and LPIPS."""
