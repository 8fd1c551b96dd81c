"""The demo: a page of a browser on which trained models are tried, with results as those of the command line."""
