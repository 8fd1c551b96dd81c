"""Other projects' weights: reads their files into our networks, and writes ours in their form."""
