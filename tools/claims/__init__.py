"""The sub-commands of tools/claim.py, one module each; what they share is in common."""
