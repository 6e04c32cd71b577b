import pytest

from streams.bots import LONGEST, is_bot

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    "agent",
    ["Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "GPTBot/1.2", "curl/8.5.0"],
)
def test_a_crawler_is_a_bot(agent: str) -> None:
    assert is_bot(agent)


@pytest.mark.parametrize("agent", [CHROME, "", None])
def test_a_browser_or_an_unknown_sender_is_not(agent: str | None) -> None:
    assert not is_bot(agent)


def test_of_an_endless_user_agent_only_the_beginning_is_read() -> None:
    assert not is_bot("x" * LONGEST + " Googlebot/2.1")
