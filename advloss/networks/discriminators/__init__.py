"""Discriminators: modules that take images [B, C, H, W] and give logits, without a sigmoid."""
