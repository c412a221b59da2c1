"""The changes to make, as data, and the modules that decide on them; also undo, and the file of a saved plan."""
