"""Faults: whatever dies, every row and trigger is what the log says, once."""
