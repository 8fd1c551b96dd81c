"""The sub-commands of tools/benchmark.py, one module each, and what they share: measure.py and report.py."""
