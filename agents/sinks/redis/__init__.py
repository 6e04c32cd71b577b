"""The read model in Redis: documents of people and accounts, and totals, for `explain`, `report`, API and console.

Read in this order: keys (names), documents (what is kept of a record), read_model.lua (how it is written),
store (the same from Python), sink (keeps up), totals (checks the sums), rebuild (makes all equal again).
"""

from agents.sinks.redis.keys import Keys, Kind, address
from agents.sinks.redis.rebuild import rebuild
from agents.sinks.redis.sink import RedisSink, SinkMetrics

__all__ = ["Keys", "Kind", "RedisSink", "SinkMetrics", "address", "rebuild"]
