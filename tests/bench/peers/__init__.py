"""The programs that the worker is measured against."""
