"""Verify, room 4a.  Ingest: what each web event has to become, recomputed from its bytes (docs/semantics.md, part 1).

Table `want`: one row a consumed message of `web-events`.  `fate` is
| fate     | what the message has to give                                                                     |
|----------|--------------------------------------------------------------------------------------------------|
| `mark`   | nothing                                                                                          |
| `reject` | one record of `rejected-events`, for one of `reasons`                                             |
| `event`  | one event of these values, a link where `link_from` is set, and one of its email                  |
| `command`| one split, or one `forget`                                                                       |
| `company`| one message of `account-events` (`accounts.made` looks at it)                                    |
| `loose`  | one of the two: the specification does not say which (odd types, a time without zone, ...)        |
"""

# ruff: noqa: S608 - only constants and numbers of this package are put into SQL

from datetime import datetime, timedelta

import duckdb

from agents.verify.texts import EPOCH
from agents.verify.world import WEB_EVENTS

PATHS = {
    "type": "$.type",
    "message_id": "$.messageId",
    "user_id": "$.userId",
    "anonymous_id": "$.anonymousId",
    "previous_id": "$.previousId",
    "event": "$.event",
    "stamp": "$.timestamp",
    "original": "$.originalTimestamp",
    "sent": "$.sentAt",
    "received": "$.receivedAt",
    "context": "$.context",
    "page": "$.context.page",
    "url": "$.context.page.url",
    "campaign": "$.context.campaign",
    "campaign_name": "$.context.campaign.name",
    "agent": "$.context.userAgent",
    "context_email": "$.context.traits.email",
    "traits": "$.traits",
    "traits_email": "$.traits.email",
    "traits_name": "$.traits.name",
    "properties": "$.properties",
}
TEXTS = (
    "type", "message_id", "user_id", "anonymous_id", "previous_id", "event", "stamp", "original", "sent", "received",
    "url", "agent", "traits_email", "traits_name",
)  # fmt: skip
OBJECTS = ("context", "page", "campaign", "traits", "properties")

MACROS = r"""
CREATE OR REPLACE MACRO trimmed(text) AS nullif(regexp_replace(text,
    '^[\s\x0b\x1c-\x1f\x{85}\p{Z}]+|[\s\x0b\x1c-\x1f\x{85}\p{Z}]+$', '', 'g'), '');
CREATE OR REPLACE MACRO plain_time(text) AS regexp_full_match(text, '\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d'
        || '(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)')
    AND TRY_CAST(text AS TIMESTAMPTZ) IS NOT NULL;
CREATE OR REPLACE MACRO millis(text, odd) AS
    CASE WHEN plain_time(text) THEN epoch_us(TRY_CAST(text AS TIMESTAMPTZ)) // 1000 ELSE odd END;
CREATE OR REPLACE MACRO plain_text(text) AS regexp_full_match(text, '[!-~]*');
CREATE OR REPLACE MACRO is_address(text) AS
    regexp_full_match(text, '[^@\s]+@[^@\s.]+(\.[^@\s.]+)+') AND NOT regexp_matches(text, '[\x0b\x1c-\x1f\x{85}\p{Z}]')
    AND length(text) <= 320;
CREATE OR REPLACE MACRO blocked(id) AS regexp_full_match(id, '[0-]*')
    OR lower(id) IN ('-1', 'null', 'none', 'undefined', 'nan', 'true', 'false', 'anonymous', 'guest',
        '[object object]');
"""

SURELY_TOO_LARGE = 33_792
MAYBE_TOO_LARGE = 33_000
LONGEST_NAME, LONGEST_ID = 200, 256
LONGEST_COMMANDED = 330
YEAR_2000 = 946_684_800_000
YEAR_2101 = 4_133_980_800_000
FUTURE_MS = 300_000


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Make table `want`; needs that of `accounts.companies.prepare`."""
    con.execute(MACROS)
    _fields(con)
    _texts(con)
    _times(con)
    _judge(con)


def _fields(con: duckdb.DuckDBPyConnection) -> None:
    """Columns of every consumed message, and `odd`: it holds something of which the specification says nothing."""
    number = {name: place for place, name in enumerate(PATHS, start=1)}
    columns = ", ".join(f"f[{place}]->>'$' AS {name}" for name, place in number.items())
    odd = " OR ".join(
        [f"coalesce(t[{number[name]}], 'NULL') NOT IN ('VARCHAR', 'NULL')" for name in TEXTS]
        + [f"coalesce(t[{number[name]}], 'NULL') NOT IN ('OBJECT', 'NULL')" for name in OBJECTS]
    )
    paths = list(PATHS.values())
    con.execute(
        f"""CREATE TABLE field AS
        WITH raw AS (
            SELECT m.p, m.o, ts, size, digest, key_hex, shape, json_type(value) AS top,
                json_extract(value, {paths}) AS f, json_type(value, {paths}) AS t,
                json_exists(headers, '$."touchline-mark"') AS mark,
                json_exists(headers, '$."touchline-command"') AS commanded, headers->>'touchline-command' AS command,
                json_extract_string(value, '$.alias') AS commanded_alias,
                coalesce(json_type(value, '$.alias') = 'VARCHAR' AND json_type(value, '$.id') = 'VARCHAR'
                    AND regexp_full_match(json_extract_string(value, '$.alias'),
                        '(?s)(user:|email:|anon:|sf:003|sf:00Q).+')
                    AND length(json_extract_string(value, '$.alias')) <= {LONGEST_COMMANDED}, false) AS names_alias,
                json_extract_string(value, '$.id') AS command_id,
                [x->>'$' FOR x IN json_extract(value, '$.context.campaign.*')] AS campaign_values
            FROM message m JOIN done ON done.topic = m.topic AND done.p = m.p AND m.o < done.o
            WHERE m.topic = '{WEB_EVENTS}')
        SELECT p, o, ts, size, digest, key_hex, shape, top, mark, campaign_values, commanded, command, commanded_alias,
            command_id, names_alias, {columns},
            (shape = 'odd' OR (top = 'OBJECT' AND ({odd}))) AS odd FROM raw"""
    )


TIMES = """SELECT DISTINCT said FROM (SELECT unnest([sent, received, coalesce(original, stamp)]) AS said FROM field)
    WHERE said IS NOT NULL AND NOT plain_time(said)"""
ADDRESSES = """SELECT DISTINCT said FROM (SELECT unnest([traits_email, context_email]) AS said FROM field)
    WHERE said IS NOT NULL AND NOT plain_text(said)"""


def _texts(con: duckdb.DuckDBPyConnection) -> None:
    """Make tables of the times and addresses that Python reads as the page says, and SQL would read otherwise."""
    times = [(said, *_time(said)) for (said,) in con.execute(TIMES).fetchall()]
    addresses = [(said, said.strip().lower()) for (said,) in con.execute(ADDRESSES).fetchall()]
    con.execute("CREATE TABLE odd_time (said VARCHAR, ms BIGINT, zoneless BOOLEAN)")
    con.execute("CREATE TABLE odd_address (said VARCHAR, address VARCHAR)")
    for table, rows in (("odd_time", times), ("odd_address", addresses)):
        columns = [list(column) for column in zip(*rows, strict=True)]
        if columns:
            con.execute(f"INSERT INTO {table} SELECT {', '.join('unnest(?)' for _ in columns)}", columns)


def _time(said: str) -> tuple[int | None, bool]:
    """Read a time, and say whether it has no zone."""
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        return None, False
    if found.tzinfo is None:
        return None, True
    return (found - EPOCH) // timedelta(milliseconds=1), False


def _times(con: duckdb.DuckDBPyConnection) -> None:
    """Add received and event time, and whether a stamp is bad, of a doubtful form, or of another century."""
    con.execute(
        f"""CREATE TABLE timed AS
        WITH read AS (
            SELECT field.*, millis(sent, s.ms) AS sent_at, millis(received, r.ms) AS stamped_at,
                millis(coalesce(original, stamp), o.ms) AS said_at,
                [(sent, millis(sent, s.ms), s.zoneless), (received, millis(received, r.ms), r.zoneless),
                    (coalesce(original, stamp), millis(coalesce(original, stamp), o.ms), o.zoneless)] AS stamps
            FROM field LEFT JOIN odd_time s ON s.said = sent LEFT JOIN odd_time r ON r.said = received
            LEFT JOIN odd_time o ON o.said = coalesce(original, stamp)),
        judged AS (
            SELECT * EXCLUDE (stamps), coalesce(stamped_at, ts) AS received_at,
                list_bool_or([coalesce(trimmed(x[1]) IS NULL OR x[3], false) FOR x IN stamps IF x[1] IS NOT NULL])
                    AS odd_stamp,
                list_bool_or([x[2] IS NULL AND trimmed(x[1]) IS NOT NULL AND NOT coalesce(x[3], false)
                    FOR x IN stamps IF x[1] IS NOT NULL]) AS bad_stamp,
                list_bool_or([x[2] < {YEAR_2000} OR x[2] >= {YEAR_2101} FOR x IN stamps]) AS far
            FROM read)
        SELECT * REPLACE (coalesce(odd_stamp, false) AS odd_stamp, coalesce(bad_stamp, false) AS bad_stamp,
                coalesce(far, false) AS far),
            CASE WHEN sent_at IS NULL THEN original_at ELSE received_at - (sent_at - original_at) END AS ms
        FROM (SELECT *, coalesce(said_at, received_at) AS original_at FROM judged)"""
    )


REASONS = f"""
    CASE WHEN shape = 'empty' THEN 'empty' END,
    CASE WHEN shape = 'not-utf8' THEN 'not-utf8' END,
    CASE WHEN shape = 'not-json' THEN 'not-json' END,
    CASE WHEN shape = 'too-deep' THEN 'too-deep' END,
    CASE WHEN size > {SURELY_TOO_LARGE} THEN 'too-large' END,
    CASE WHEN top IS NOT NULL AND NOT document OR document AND NOT coalesce(typed, false)
        AND lower(coalesce(type, '')) NOT IN ('track', 'identify', 'page', 'screen', 'group', 'alias')
        THEN 'wrong-type' END,
    CASE WHEN document AND NOT coalesce(typed, false)
        AND lower(coalesce(type, '')) NOT IN ('track', 'identify', 'page', 'screen', 'group', 'alias')
        THEN 'unknown-type' END,
    CASE WHEN document AND (u IS NULL AND a IS NULL OR type = 'alias' AND (u IS NULL OR q IS NULL)) THEN 'no-id' END,
    CASE WHEN document AND (blocked(coalesce(u, a)) OR type = 'alias' AND blocked(q)) THEN 'blocked-id' END,
    CASE WHEN document AND NOT odd AND (bad_stamp OR NOT odd_stamp AND (far OR ms < {YEAR_2000}
        OR ms >= {YEAR_2101})) THEN 'bad-timestamp' END,
    CASE WHEN document AND NOT odd AND NOT odd_stamp AND NOT bad_stamp AND NOT far AND (ms > received_at + {FUTURE_MS}
        OR received_at > ts + {FUTURE_MS}) THEN 'future' END"""
"""Of an event, all reasons that the specification gives; null where one does not hold."""


def _judge(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        f"""CREATE TABLE want AS
        WITH named AS (
            SELECT *, trimmed(user_id) AS u, trimmed(previous_id) AS q,
                CASE WHEN trimmed(user_id) IS NULL OR NOT blocked(trimmed(anonymous_id))
                    THEN trimmed(anonymous_id) END AS a,
                shape IN ('json', 'odd') AND top = 'OBJECT' AS document,
                type IN ('track', 'identify', 'page', 'screen', 'group', 'alias') AS typed,
                coalesce(t.address, lower(traits_email)) AS traits_address,
                coalesce(c.address, lower(context_email)) AS context_address
            FROM timed LEFT JOIN odd_address t ON t.said = traits_email
            LEFT JOIN odd_address c ON c.said = context_email),
        reasoned AS (
            SELECT *, coalesce(u, a) AS id, CASE
                WHEN NOT commanded THEN list_filter([{REASONS}], lambda x: x IS NOT NULL)
                WHEN coalesce(command = 'company', false) AND EXISTS
                    (FROM company c WHERE c.p = named.p AND c.o = named.o) THEN []
                WHEN names_alias AND coalesce(command IN ('split', 'join', 'forget'), false) THEN []
                ELSE ['bad-command'] END AS reasons
            FROM named)
        SELECT p, o, digest, key_hex, agent, page, campaign, campaign_values, properties, reasons, odd,
            CASE WHEN mark THEN 'mark' WHEN len(reasons) > 0 THEN 'reject'
                WHEN commanded AND command = 'company' THEN 'company' WHEN commanded THEN 'command'
                WHEN odd OR odd_stamp OR size > {MAYBE_TOO_LARGE} OR NOT document OR NOT typed
                    OR length(event) > {LONGEST_NAME}
                    OR greatest(length(u), length(a), length(q), length(message_id)) > {LONGEST_ID}
                    OR (type = 'track' AND trimmed(event) IS NULL) OR (message_id = '' OR trimmed(message_id) <>
                        message_id)
                    THEN 'loose' ELSE 'event' END AS fate,
            CASE WHEN u IS NOT NULL THEN 'user:' || u ELSE 'anon:' || a END AS alias,
            type = 'identify' AS identifies, coalesce(message_id, 'md5:' || digest) AS message_id,
            least(ms, received_at) AS ms, ms AS said_ms, received_at,
            CASE type WHEN 'track' THEN event WHEN 'page' THEN '$page' WHEN 'screen' THEN '$screen' ELSE '' END AS name,
            CASE WHEN type = 'page' OR trimmed(url) IS NOT NULL OR len(list_filter(campaign_values,
                    lambda x: trimmed(x) IS NOT NULL)) > 0 THEN true
                WHEN url <> '' OR len(campaign_values) > 0 THEN NULL ELSE false END AS visit,
            CASE WHEN u IS NOT NULL AND type = 'identify' AND a IS NOT NULL THEN 'anon:' || a
                WHEN u IS NOT NULL AND type = 'alias' AND q IS NOT NULL THEN 'anon:' || q END AS link_from,
            CASE WHEN type <> 'identify' THEN NULL WHEN is_address(traits_address) THEN traits_address
                WHEN is_address(context_address) THEN context_address END AS email,
            CASE WHEN type = 'identify' THEN trimmed(traits_name) END AS full_name,
            trimmed(campaign_name) AS campaign_name, commanded_alias,
            CASE WHEN commanded THEN CASE command WHEN 'forget' THEN 'forget' ELSE 'split' END END AS commands,
            command = 'split' AS apart, command_id, ts
        FROM reasoned"""
    )
