"""The core: what flows and what it means.  Pure - no clock, socket, file, environment, logger."""
