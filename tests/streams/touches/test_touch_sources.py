import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.events import Source
from streams.touches import Campaign, WebSites, source_of
from streams.touches.sources import CACHED_CHARACTERS, has_values

SITES = WebSites(("example.org",))
PAGE = "https://www.example.com/pricing"


def came(query: str = "", referrer: str | None = None, campaign: Campaign | None = None) -> Source:
    found = source_of(campaign, f"{PAGE}?{query}", referrer, SITES)
    assert found is not None
    return found


def test_nothing_known_is_direct() -> None:
    assert came() == Source(channel="Direct", ga4="Direct", landing="www.example.com/pricing")


def test_no_page_at_all_is_direct_without_a_landing() -> None:
    assert source_of(None, None, None, SITES) == Source(channel="Direct", ga4="Direct")


def test_a_campaign_goes_before_a_click_id_and_a_referrer() -> None:
    found = came("gclid=1", "https://www.google.com/", Campaign("Spring", "linkedin", "paid_social", "crm", "b"))
    assert found == Source(
        channel="Paid Social",
        ga4="Paid Social",
        campaign="Spring",
        source="linkedin",
        medium="paid_social",
        term="crm",
        content="b",
        referrer="www.google.com",
        landing="www.example.com/pricing",
    )


def test_the_campaign_of_the_event_goes_before_that_of_the_address() -> None:
    assert came("utm_source=bing&utm_term=crm", campaign=Campaign(source="google")) == came("utm_source=google")


def test_an_empty_campaign_leaves_the_word_to_the_address() -> None:
    assert came("utm_source=bing", campaign=Campaign(name="", source="  ")).source == "bing"


def test_tags_of_the_address_are_decoded_trimmed_and_their_names_have_no_case() -> None:
    assert came("UTM_Campaign=+Spring%20%2B+Summer+&utm_campaign=later").campaign == "Spring + Summer"


def test_long_values_are_cut() -> None:
    found = source_of(Campaign(name="n" * 500), f"https://www.example.com/{'p' * 500}", None, SITES)
    assert found is not None
    assert (len(found.campaign or ""), len(found.landing or "")) == (200, 300)


def test_a_landing_has_neither_query_nor_fragment_nor_user() -> None:
    found = source_of(None, "https://me:secret@WWW.Example.com:8443/a/b?email=x@y.z#token", None, SITES)
    assert found is not None
    assert found.landing == "www.example.com/a/b"


@pytest.mark.parametrize(
    "referrer",
    [
        "https://www.example.com/",
        "https://blog.example.com/post",
        "https://example.org/",
        "https://a.b.example.org/",
        "https://checkout.stripe.com/c/pay",
        "https://www.paypal.com/",
        "https://accounts.google.com/",
        "https://login.microsoftonline.com/x",
        "https://tenant.okta.com/",
    ],
)
def test_a_visit_from_an_own_site_a_gateway_or_a_sign_in_continues(referrer: str) -> None:
    assert source_of(None, PAGE, referrer, SITES) is None
    assert came("utm_campaign=spring", referrer).campaign == "spring"
    assert came("gclid=1", referrer).click == "google"


@pytest.mark.parametrize(
    ("page", "referrer"),
    [
        ("https://one.github.io/", "https://two.github.io/"),
        ("https://a.co.uk/", "https://b.co.uk/"),
        ("https://www.example.com/", "https://example.com.evil.net/"),
        ("https://www.example.com/", "https://notexample.org/"),
        ("http://127.0.0.1/", "http://127.0.0.2/"),
    ],
)
def test_a_neighbour_under_the_same_suffix_is_another_site(page: str, referrer: str) -> None:
    found = source_of(None, page, referrer, SITES)
    assert found is not None
    assert found.channel == "Referral"


@pytest.mark.parametrize("host", ["localhost:3000", "127.0.0.1:80", "[::1]:80", "www.example.co.uk", "a.example.com."])
def test_a_site_without_a_public_suffix_is_its_own_too(host: str) -> None:
    assert source_of(None, f"http://{host}/a", f"http://{host}/b", WebSites()) is None


@pytest.mark.parametrize(
    ("referrer", "channel"),
    [
        ("https://www.google.co.uk/", "Organic Search"),
        ("https://uk.search.yahoo.com/search", "Organic Search"),
        ("android-app://com.google.android.googlequicksearchbox/", "Organic Search"),
        ("https://docs.google.com/document", "Referral"),
        ("https://google.github.io/", "Referral"),
        ("https://gemini.google.com/", "AI chat"),
        ("https://www.perplexity.ai/", "AI chat"),
        ("https://l.instagram.com/", "Organic Social"),
        ("https://t.co/x", "Organic Social"),
        ("https://m.youtube.com/watch", "Organic Video"),
        ("https://www.amazon.de/", "Organic Shopping"),
        ("android-app://com.google.android.gm", "Email"),
        ("news.example.net/today", "Referral"),
        ("https://partner.example.net/", "Referral"),
    ],
)
def test_the_host_of_the_referrer_names_the_channel(referrer: str, channel: str) -> None:
    assert came(referrer=referrer).channel == channel


@pytest.mark.parametrize(
    "referrer", ["", "  ", "about:blank", "$direct", "http://[::1", "https://", "/pricing", "a b", "//"]
)
def test_a_referrer_that_cannot_be_read_is_none(referrer: str) -> None:
    assert came(referrer=referrer) == came()


def test_a_source_that_says_direct_is_direct_and_any_other_tag_is_not() -> None:
    assert came("utm_source=direct").channel == came("utm_source=(direct)&utm_medium=(none)").channel == "Direct"
    assert came("utm_campaign=spring").channel == came("utm_term=crm").channel == "Unknown"


def test_own_domains_must_be_bare() -> None:
    for wrong in ("https://example.com", "Example.com", "", ".example.com", "*.example.com"):
        with pytest.raises(ValueError, match="bare domain"):
            WebSites((wrong,))


def test_a_campaign_of_blanks_says_nothing() -> None:
    assert not has_values(None)
    assert not has_values(Campaign(name=" ", term=""))
    assert has_values(Campaign(content="b"))


texts = st.none() | st.text(max_size=60) | st.from_regex(r"https?://[a-z.]{1,20}/[a-z?=&_]{0,30}", fullmatch=True)


@given(texts, texts, texts, texts, texts)
def test_whatever_strangers_send_there_is_an_answer_and_always_the_same(
    name: str | None, medium: str | None, page: str | None, referrer: str | None, ad_type: str | None
) -> None:
    campaign = Campaign(name=name, medium=medium)
    first = source_of(campaign, page, referrer, SITES, ad_type)
    assert first == source_of(Campaign(name=name, medium=medium), page, referrer, WebSites(("example.org",)), ad_type)
    assert first is None or (first.channel and first.ga4 and len(first.landing or "") <= 300)


def test_what_is_too_long_to_remember_is_worked_out_all_the_same() -> None:
    assert came(f"utm_source=google&x={'y' * CACHED_CHARACTERS}") == came("utm_source=google")
