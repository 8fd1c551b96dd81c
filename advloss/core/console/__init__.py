"""The command at its terminal: what is printed, and Ctrl-C while it starts."""
