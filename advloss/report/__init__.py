"""What a run left, read again: the list of runs, and the report as one page. Nothing here needs torch."""
