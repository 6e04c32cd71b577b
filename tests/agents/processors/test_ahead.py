"""How much a source lane has brought that others have not dealt with yet."""

from hypothesis import given
from hypothesis import strategies as st

from agents.processors.ahead import Ahead
from streams.progress import UNKNOWN


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 60))
def test_others_have_to_come_up_to_the_latest_transaction_behind_which_there_is_enough(
    transactions: list[int], most: int
) -> None:
    ahead = Ahead(most)
    for tick, records in enumerate(transactions):
        ahead.add(tick, records)
        enough = [one for one in range(tick + 1) if sum(transactions[one + 1 : tick + 1]) >= most]
        assert ahead.due == max(enough, default=UNKNOWN)


def test_many_small_transactions_are_no_reason_to_wait() -> None:
    ahead = Ahead(1_000)
    for tick in range(500):
        ahead.add(tick, 1)
    assert ahead.due == UNKNOWN
