"""The HTTP collector: Segment's wire format in, `web-events` out."""

from agents.sources.collector.app import build_app
from agents.sources.collector.server import serve

__all__ = ["build_app", "serve"]
