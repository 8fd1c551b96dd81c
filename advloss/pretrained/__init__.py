"""Frozen networks that others trained, and their weights."""
