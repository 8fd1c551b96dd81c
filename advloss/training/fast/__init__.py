"""The fast executor: computes what `training/step.py` does, with fewer passes, compiled and as CUDA graphs."""
