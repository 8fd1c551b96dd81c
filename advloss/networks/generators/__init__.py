"""Networks from images to images: translators, and super-resolution networks that enlarge."""
