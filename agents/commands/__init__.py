"""Commands in groups, each a room of the command line; `agents/cli.py` is its front door."""
