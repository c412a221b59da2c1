"""What would be done, as data, and who decides it: matching, planner, ownership, guards, undo, and the saved plan."""
