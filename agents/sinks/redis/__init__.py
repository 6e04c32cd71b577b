"""The read model in Redis: documents of `profile-views`, where `explain`, the API and the console find them.

Read in this order: keys (names), documents (what is kept of a record), read_model.lua (how it is written),
store (the same from Python), sink (keeps up), rebuild (makes it equal again).
"""

from agents.sinks.redis.keys import Keys, address
from agents.sinks.redis.rebuild import rebuild
from agents.sinks.redis.sink import RedisSink, SinkMetrics

__all__ = ["Keys", "RedisSink", "SinkMetrics", "address", "rebuild"]
