"""A trained model that is applied: to images in memory, to folders of files, in tiles, to tokens."""
