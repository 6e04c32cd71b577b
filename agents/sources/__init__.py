"""Sources: where events come in."""
