"""Personas on the command line, and the maps that ship (default.toml)."""
