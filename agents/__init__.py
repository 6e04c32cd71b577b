"""The shell: what moves events, keeps rows and answers questions.  The meaning of it all is in `streams`."""
