"""The doctor: what a training measures of itself, and rules that turn the measures into sentences."""
