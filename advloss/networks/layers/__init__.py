"""Layers that several networks share, and the types of their parameters."""
