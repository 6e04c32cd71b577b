"""Room 2.  Intake: one message of `web-events` in; records of `user-events` out, or the reason why not.

`wire` says what a Segment event looks like and guards against bytes that are none, `times` works out when it happened,
`people` who did it, `web` puts the records together.  The rules: docs/semantics.md, part 1.
"""

from streams.intake.web import parse_web_event

__all__ = ["parse_web_event"]
