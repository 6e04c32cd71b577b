"""`touchline demo`: a simulated company goes through the whole of Touchline on this machine, and the screen shows it.

First its history, with the log's clock; then its live days, through the official Segment library and the collector.
Beside both the sync reads its Salesforce org, which tells changes as CDC does, too.
Parts: children, scene, screen, feed, crm, stories, reports -> course.  Here: the front door.
"""

import asyncio
import secrets

from pydantic import SecretStr

from agents import rules_file
from agents.local.demo.course import FAILURES, Course
from agents.local.demo.scene import Scene
from agents.local.demo.screen import Screen
from agents.local.processes import free_port
from agents.local.stack import Stack
from agents.settings import Settings

PARTITIONS = 4


def run(settings: Settings, *, once: bool, days: int = 90, seed: int = 7) -> int:
    """Play `days` days of history up to now, then go live; return the exit code.

    With `once` it ends by itself after some live seconds and returns 0 only if `touchline verify` finds nothing,
    there was a trigger, and what happened on purpose (a merge, a lost change ...) came out as it has to.  Otherwise it
    stays until Ctrl-C and returns 0.  Whatever fails ends it with 1 and the last lines of whoever failed.  Everything
    it writes lies in `data_dir`/demo; what an earlier demo left is wiped.
    """
    rules_file.load(settings.rules)
    own = _own(settings)
    screen = Screen(Scene())
    course = Course(own, Stack(own, cache=settings.data_dir), screen, once=once, days=days, seed=seed)
    with screen:
        try:
            return asyncio.run(course.run())
        except FAILURES as error:
            screen.say(f"The demo failed: {str(error) or type(error).__name__}")
            return 1


def _own(settings: Settings) -> Settings:
    """Give the demo a stack of its own, with free ports and a folder, so that nothing that runs is disturbed."""
    kafka, redis, http, metrics = (free_port() for _ in range(4))
    changes: dict[str, object] = {
        "app_id": "demo-v1",
        "kafka_bootstrap": f"127.0.0.1:{kafka}",
        "redis_url": SecretStr(f"redis://127.0.0.1:{redis}/0"),
        "rules": settings.rules.resolve(),
        "partitions": PARTITIONS,
        "replication": 1,
        "data_dir": settings.data_dir.resolve() / "demo",
        "metrics_port": metrics,
        "http_port": http,
        "http_host": "127.0.0.1",
        "write_keys": (SecretStr(secrets.token_urlsafe(24)),),
        "write_keys_file": None,
        "instance_id": "",
        "local_kafka_port": kafka,
        "local_redis_port": redis,
    }
    return settings.model_copy(update=changes)
