import pytest

from streams.salesforce.ids import full_id, means_whole_object


@pytest.mark.parametrize(
    ("short", "suffix"),
    [("001ZM000001QkdO", "YAS"), ("0015f00002JUWMV", "AA5"), ("000000000000000", "AAA"), ("AAAAAAAAAAAAAAA", "555")],
)
def test_the_suffix_says_which_letters_are_upper_case(short: str, suffix: str) -> None:
    assert full_id(short) == short + suffix
    assert full_id(short + suffix) == short + suffix


@pytest.mark.parametrize(
    "text", ["", "001", "001*", "001ZM000001QkdOYA", "001ZM000001QkdOyas", "001ZM000001Qkd-", "é" * 15]
)
def test_anything_else_is_no_id(text: str) -> None:
    assert full_id(text) is None


@pytest.mark.parametrize("text", ["001*", "a0B*", "000000000000000AAA", "000000000000000"])
def test_a_wildcard_and_the_id_of_an_overflow_mean_the_whole_object(text: str) -> None:
    assert means_whole_object(text)


@pytest.mark.parametrize("text", ["001ZM000001QkdOYAS", "*", "0011*", "001"])
def test_other_ids_mean_one_record(text: str) -> None:
    assert not means_whole_object(text)
