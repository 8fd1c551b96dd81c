"""Discriminators that see a picture through a frozen network which was trained on photographs."""
