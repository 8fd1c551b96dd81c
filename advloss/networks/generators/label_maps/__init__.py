"""Generators that were made for label maps: pictures in which each pixel says what is there."""
