"""The totals of reports: checks that they are the sum of the partition's contributions, and mends them where not.

The function in Redis keeps them so; only somebody else's hand can have changed them.
"""

from collections import Counter

from agents.sinks.redis.keys import Kind
from agents.sinks.redis.store import ReadModel

ATTEMPTS = 10
CELLS_A_CALL = 1000


async def mend_totals(model: ReadModel, partition: int) -> int | None:
    """Set what is not as it should be, and return how many totals that were.

    None: the contributions changed meanwhile, at every attempt.
    """
    for _ in range(ATTEMPTS):
        at = (await model.offsets(Kind.contribution, [partition]))[partition]
        wrong = await _wrong(model, partition)
        if not wrong or await _set(model, partition, wrong, at):
            return len(wrong)
    return None


async def _wrong(model: ReadModel, partition: int) -> dict[str, int]:
    """Return what totals have to be (0: absent) where they are otherwise."""
    sums: Counter[str] = Counter()
    async for cells in model.contributions(partition):
        sums.update(cells)
    stored = await model.totals(partition)
    right = {field: str(amount) for field, amount in sums.items() if amount}
    return {field: sums[field] for field in right | stored if stored.get(field) != right.get(field)}


async def _set(model: ReadModel, partition: int, wrong: dict[str, int], at: int) -> bool:
    fields = list(wrong)
    for start in range(0, len(fields), CELLS_A_CALL):
        some = {field: wrong[field] for field in fields[start : start + CELLS_A_CALL]}
        if not await model.mend(partition, some, at=at):
            return False
    return True
