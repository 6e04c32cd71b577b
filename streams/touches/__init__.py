"""Room 2b.  Touches: what brought a visit, worked out from that event alone.  The rules as tables: docs/channels.md."""

from streams.touches.sites import WebSites
from streams.touches.sources import Campaign, source_of

__all__ = ["Campaign", "WebSites", "source_of"]
