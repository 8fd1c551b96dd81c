"""What the claims share: runs by the command line, pictures, and held-out images."""
