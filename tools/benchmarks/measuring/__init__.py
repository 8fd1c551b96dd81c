"""What the benchmarks share: timing in pairs, counting, processes of their own, reports."""
