"""What other workers hear comes in the order in which it was said: what was sent before who is done with it."""

import asyncio

import pytest

from agents.runtime.exchange import Exchange
from agents.runtime.gossip import Gossip
from streams.progress import LEVELS, Board, Progress, Said, Sent

LANE = "user-events/0"
SENT = Sent(LANE, 7, {0: [7]}, [1])
DONE = Progress(LANE, (7,) * LEVELS)


def exchange() -> Exchange:
    return Exchange(Board(("web-events/0",), "user-events", 1))


def unsent(made: Exchange) -> list[Said]:
    return list(made.unsent.values())


def test_what_nobody_waits_for_is_not_passed_on_at_once() -> None:
    made = exchange()
    made.tell(DONE, LANE, to_all=False)
    assert unsent(made) == []
    assert made.progress == {LANE: DONE}


def test_a_later_word_takes_its_place_after_all_that_was_said_before_it() -> None:
    made, earlier = exchange(), Progress(LANE, (5,) * LEVELS)
    made.tell(earlier, LANE, to_all=True)
    made.tell(SENT, f"{LANE}/sent", to_all=True)
    made.tell(DONE, LANE, to_all=True)
    assert unsent(made) == [SENT, DONE]


def test_what_is_no_news_here_is_passed_on_all_the_same() -> None:
    made = exchange()
    made.tell(DONE, LANE, to_all=False)
    made.changed.clear()
    made.tell(DONE, LANE, to_all=True)
    assert (made.changed.is_set(), unsent(made)) == (True, [DONE])


async def test_what_is_told_again_now_and_then_does_not_overtake_what_is_still_to_be_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agents.runtime.gossip.REFRESH_SECONDS", 0.001)
    made = exchange()
    made.tell(SENT, f"{LANE}/sent", to_all=True)
    made.tell(DONE, LANE, to_all=False)
    gossip = Gossip(made, bootstrap="", partitions=1, nudge=lambda: None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await gossip._refresh()
    assert unsent(made) == [SENT, DONE]
