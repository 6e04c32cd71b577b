"""Demo, part 3.  Screen: the scene as a changing picture on a terminal, as a line now and then elsewhere."""

import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agents.local.demo.scene import Scene

PLAIN_EVERY_SECONDS = 2.0


class Screen:
    """Shows a scene while it is entered; `say` adds a line that stays."""

    def __init__(self, scene: Scene, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, markup=False, emoji=False)
        self.scene = scene
        self._shown = 0.0
        self._told = 0
        self._live = Live(console=self.console, refresh_per_second=4, transient=True)

    def __enter__(self) -> "Screen":
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, line: str) -> None:
        """Print a line that stays, with the seconds since the beginning, and make it the phase."""
        self.scene.phase = line
        self.console.print(f"{self.scene.seconds:5.1f} s  {line}", soft_wrap=True)
        self.refresh()

    def show(self, text: str) -> None:
        """Print a text of several lines, to stay, as it is."""
        self.console.print(text, soft_wrap=True)

    def say_figures(self) -> None:
        """Print all figures, to stay."""
        for name, value in figures(self.scene):
            self.console.print(f"  {name:<17} {value}", soft_wrap=True)

    def freeze(self) -> None:
        """Stop the changing picture: from now on there are lines only."""
        self._live.stop()

    def refresh(self) -> None:
        """Show what is new, at most a few times a second."""
        if self._live.is_started:
            self._live.update(_picture(self.scene))
            return
        self._tell_triggers()
        if self.scene.processed and time.monotonic() - self._shown > PLAIN_EVERY_SECONDS:
            self._shown = time.monotonic()
            self.console.print(f"{self.scene.seconds:5.1f} s  {_line(self.scene)}", soft_wrap=True)

    def _tell_triggers(self) -> None:
        """Where there is no picture: each live trigger once."""
        new = self.scene.live_triggers - self._told
        self._told = self.scene.live_triggers
        for line in list(self.scene.latest)[-new:] if new else ():
            self.console.print(f"{self.scene.seconds:5.1f} s  trigger: {line}", soft_wrap=True)


def figures(scene: Scene) -> list[tuple[str, str]]:
    """Give what is known, as names and values, in the order of the data's way."""
    latency = "-" if scene.latency is None else f"{scene.latency:.2f} s (median of {len(scene.latencies)} live ones)"
    first = "-" if scene.first_trigger_seconds is None else f"{scene.first_trigger_seconds:.1f} s after the start"
    return [
        ("events", f"{scene.published:,} of history, {scene.sent_live:,} live"),
        ("processed", f"{scene.processed:,} records, {scene.per_second:,.0f}/s now, {scene.fastest:,.0f}/s at most"),
        ("people", f"{len(scene.people):,}, {scene.users:,} of them with a user id"),
        ("salesforce", _salesforce(scene)),
        ("power users", f"{len(scene.members):,} now ({scene.entered:,} entered, {scene.left:,} left)"),
        ("triggers", f"{scene.triggers:,}, {scene.live_triggers:,} of them live"),
        ("rejected", f"{scene.rejected.total():,}" + _reasons(scene)),
        ("first trigger", first),
        ("click to trigger", latency),
    ]


def _salesforce(scene: Scene) -> str:
    changes = f"{scene.changes_sent:,} change events, {len(scene.refetches):,} records read again"
    return f"{len(scene.records):,} records, {changes}, {scene.told:,} lines on timelines"


def _reasons(scene: Scene) -> str:
    found = ", ".join(f"{reason} {count}" for reason, count in scene.rejected.most_common())
    return f" ({found})" if found else ""


def _line(scene: Scene) -> str:
    return (
        f"{scene.processed:,} records processed, {scene.per_second:,.0f}/s, {len(scene.people):,} people, "
        f"{len(scene.members):,} power users, {scene.triggers:,} triggers, {scene.rejected.total():,} rejected"
    )


def _picture(scene: Scene) -> Group:
    table = Table.grid(padding=(0, 2))
    for name, value in figures(scene):
        table.add_row(Text(name, style="bold"), value)
    latest = Text("\n".join(reversed(scene.latest)) or "none yet", no_wrap=True, overflow="ellipsis")
    title = f"Touchline, {scene.seconds:.0f} s: {scene.phase}"
    return Group(Panel(table, title=title, title_align="left"), Panel(latest, title="Triggers", title_align="left"))
