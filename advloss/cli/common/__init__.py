"""What several commands share: arguments, and the recipe that their words ask for."""
