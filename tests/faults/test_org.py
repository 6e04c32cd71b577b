"""The load's org keeps to its time: Kafka refuses what is more than an hour ahead."""

import pytest

from tests.faults.org import messages

DAY_MS = 86_400_000
BEGIN_MS, END_MS = 1_760_000_000_000, 1_760_000_000_000 + 40 * DAY_MS


@pytest.mark.parametrize("count", [1, 30, 1_000, 10_000])
def test_however_many_messages_they_end_about_when_they_are_to(count: int) -> None:
    found = messages(1, 3, ["ann@example.com", "ben@example.com"], count, BEGIN_MS, END_MS)
    assert min(one.timestamp for one in found) >= BEGIN_MS
    assert max(one.timestamp for one in found) < END_MS + 4 * DAY_MS
    assert max(one.timestamp for one in found) > END_MS - (10 if count > 100 else 40) * DAY_MS
