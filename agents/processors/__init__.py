"""Processors: what a lane does with its records.  They meet only through topics."""
