"""Data sets whose images are arrays in one file, with their labels."""
