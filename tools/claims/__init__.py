"""The sub-commands of tools/claim.py, one module each, and what they share: runs.py."""
