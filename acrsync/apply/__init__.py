"""What is done: the one loop, waves of changes, one change, and the reading back."""
