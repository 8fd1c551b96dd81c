"""What steadies the game beside the objective and the penalties: one file each."""
