"""Logs: one structlog pipeline for ours and the libraries' lines - text on a terminal, else JSON, one a line."""

import logging
import sys
from time import monotonic
from typing import Any

import structlog
from structlog.typing import Processor

LIBRARIES = ("aiokafka", "faust", "mode", "uvicorn", "kafka", "asyncio")
"""Libraries whose INFO says nothing to an operator; their warnings do."""
SELDOM_SECONDS = 10.0
"""How often the same warning of a library is told: aiokafka has one for each try to reach a broker, from each lane."""


def configure(*, quiet: bool = False) -> None:
    """Send every log line to stderr.

    `quiet`: for commands that end by themselves, which say in their own words what libraries would only repeat.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_render()],
        )
    )
    handler.addFilter(Seldom(SELDOM_SECONDS))
    logging.basicConfig(handlers=[handler], level=logging.WARNING if quiet else logging.INFO, force=True)
    for library in LIBRARIES:
        logging.getLogger(library).setLevel(logging.CRITICAL if quiet else logging.WARNING)


class Seldom(logging.Filter):
    """Lets a library say the same thing, apart from names and numbers in it, once in so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._told_at: dict[tuple[str, object], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a line is told."""
        if record.name.partition(".")[0] not in LIBRARIES:
            return True
        now, what = monotonic(), (record.name, record.msg)
        if now - self._told_at.get(what, -self._seconds) < self._seconds:
            return False
        self._told_at[what] = now
        return True


def _render() -> list[Any]:
    """Render a line; of an exception where it was raised and what it says, no variables: they hold people's events."""
    if sys.stderr.isatty():
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    traceback = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(traceback), structlog.processors.JSONRenderer(sort_keys=True)]
