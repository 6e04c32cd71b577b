"""Sinks: from topics to where people and programs look."""
