"""What a training starts from, and which parts of it stay as they are."""
