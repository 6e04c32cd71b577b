"""How a question ends that has no answer: one line on stderr, and 1."""

from rich.console import Console


def refuse(message: str) -> int:
    """Print why there is no answer, and what to do; return the exit code."""
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(message)
    return 1
