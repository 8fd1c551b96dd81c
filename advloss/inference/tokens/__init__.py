"""Tokens: images encoded to files of integers, and decoded from them."""
