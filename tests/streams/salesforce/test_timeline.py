from streams.salesforce.timeline import MAX_FIELDS, MAX_VALUE, timeline_text


def test_an_update_tells_what_was_and_what_is() -> None:
    assert timeline_text("Contact", "update", {"Title": ("Director", "VP")}) == (
        "Salesforce Contact Updated: Title Director -> VP"
    )


def test_several_fields_are_told_and_the_systems_own_are_not() -> None:
    differences = {"Amount": (None, 5), "IsWon": (False, True), "LastModifiedDate": ("x", "y"), "Stage": ("a", "")}
    assert timeline_text("Opportunity", "update", differences) == (
        "Salesforce Opportunity Updated: Amount (empty) -> 5; IsWon false -> true; Stage a -> (empty)"
    )


def test_long_values_and_long_lists_are_cut() -> None:
    text = timeline_text("Contact", "update", {"Note": (None, "a\n" + "x" * 200)})
    assert text == f"Salesforce Contact Updated: Note (empty) -> a {'x' * (MAX_VALUE - 3)}…"
    many = timeline_text("Contact", "update", {f"F{at:02}": (0, 1) for at in range(MAX_FIELDS + 2)})
    assert many is not None
    assert many.endswith("F09 0 -> 1; 2 more")


def test_what_happened_to_the_whole_record_is_told_without_fields() -> None:
    assert timeline_text("Lead", "create", {"Title": (None, "VP")}) == "Salesforce Lead Created"
    assert timeline_text("Lead", "delete", {"IsDeleted": (False, True)}) == "Salesforce Lead Deleted"
    assert timeline_text("Lead", "undelete", {"IsDeleted": (True, False)}) == "Salesforce Lead Undeleted"
    gone = {"IsDeleted": (False, True), "LastModifiedDate": ("x", "y"), "MasterRecordId": (None, "003")}
    assert timeline_text("Lead", "snapshot", gone) == "Salesforce Lead Deleted"


def test_a_snapshot_tells_what_we_had_missed() -> None:
    differences = {"LastModifiedDate": ("x", "y"), "Title": ("Director", "VP")}
    assert timeline_text("Contact", "snapshot", differences) == "Salesforce Contact Updated: Title Director -> VP"


def test_nothing_worth_telling_is_none() -> None:
    assert timeline_text("Contact", "update", {}) is None
    assert timeline_text("Contact", "update", {"LastModifiedDate": ("x", "y")}) is None
    assert timeline_text("Contact", "create", {}) is None
    assert timeline_text("Contact", "snapshot", {"Title": (None, "VP"), "IsDeleted": (False, True)}) is None
    assert timeline_text("Contact", "gap", {}) is None
