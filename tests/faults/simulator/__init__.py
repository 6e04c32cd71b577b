"""The commit protocol over a broker in memory."""
