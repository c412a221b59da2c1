"""What runs did and may still be going on, known to every later run."""
