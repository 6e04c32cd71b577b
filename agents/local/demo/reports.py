"""Demo, part 7.  Reports: tables of `touchline report`, as anybody would ask for them."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT

from agents.local.demo.children import ChildError, environment
from agents.settings import Settings

SHOWN: tuple[str, ...] = ("personas", "attribution")
"""Reports that the demo prints, once its history is in."""
REPORT_SECONDS = 30.0


async def report(settings: Settings, name: str) -> str:
    """Run `touchline report <name>` and return what it prints; raise `ChildError` unless it ends with 0."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agents.cli", "report", name),
        env=environment(settings),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), REPORT_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
    text = output.decode(errors="replace")
    if process.returncode != 0:
        raise ChildError(f"`touchline report {name}` ended with {process.returncode}:\n{text}")
    return text
