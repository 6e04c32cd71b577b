"""Verify, the rooms of personas: who somebody is at work, by a map file (docs/personas.md).

Read in order: `words`, `phrases`, `maps`.
"""
