"""Which items make which batch, and where each picture is cropped."""
