"""Bench: this worker and its peers, one job, one file, one broker.  `make bench`; see README.md."""
