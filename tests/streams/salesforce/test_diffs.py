from difflib import unified_diff
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from streams.salesforce.diffs import patched

POEM = "one\ntwo\nthree\nfour\nfive"


def diff_of(hunks: str, after: str) -> str:
    return f"--- \n+++ {sha256(after.encode()).hexdigest()}\n{hunks}"


def test_a_line_is_replaced() -> None:
    after = POEM.replace("two", "2")
    assert patched(POEM, diff_of("@@ -2,1 +2,1 @@\n-two\n+2", after)) == after


def test_several_places_are_patched_and_context_is_compared() -> None:
    after = "one\n2\nthree\nfour\nfive\nsix"
    hunks = "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n@@ -5,1 +5,2 @@\n five\n+six\n\\ No newline at end of file\n"
    assert patched(POEM, diff_of(hunks, after)) == after


def test_an_insertion_goes_after_the_line_that_it_names() -> None:
    assert patched("a\nb", diff_of("@@ -1,0 +2,1 @@\n+x", "a\nx\nb")) == "a\nx\nb"
    assert patched("a\nb", diff_of("@@ -0,0 +1 @@\n+x", "x\na\nb")) == "x\na\nb"


def test_the_lines_end_as_they_did() -> None:
    before, after = "a\r\nb\r\nc", "a\r\nB\r\nc"
    assert patched(before, diff_of("@@ -2,1 +2,1 @@\n-b\n+B", after)) == after


def test_a_text_that_is_already_there_stays() -> None:
    after = POEM.replace("two", "2")
    assert patched(after, diff_of("@@ -2,1 +2,1 @@\n-two\n+2", after)) == after


def test_another_text_or_no_diff_is_none() -> None:
    after = POEM.replace("two", "2")
    diff = diff_of("@@ -2,1 +2,1 @@\n-two\n+2", after)
    assert patched(None, diff) is None
    assert patched(2, diff) is None
    assert patched("one\n2 and\nthree", diff) is None
    assert patched("one", diff) is None
    assert patched(POEM, diff.replace("+2", "+3").replace("2,1 +3,1", "2,1 +2,1")) is None
    assert patched(POEM, "") is None
    assert patched(POEM, "2") is None
    assert patched(POEM, diff_of("what\n", after)) is None
    assert patched(POEM, diff_of("@@ -99,1 +2,1 @@\n-two\n+2", after)) is None


lines = st.lists(st.sampled_from(["a", "b", "", "+c", "-d", " e"]), min_size=1, max_size=12)


@given(lines, lines, st.sampled_from(["\n", "\r\n"]), st.integers(0, 3))
def test_any_diff_leads_from_the_one_text_to_the_other(
    old: list[str], new: list[str], newline: str, around: int
) -> None:
    before, after = newline.join(old), newline.join(new)
    hunks = list(unified_diff(old, new, lineterm="", n=around))[2:]
    if newline in before or newline not in after:
        assert patched(before, diff_of("\n".join(hunks), after)) == after
