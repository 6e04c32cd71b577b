"""Verify, room 4b.  Ingest, compared: every web event is exactly once in `user-events` or in `rejected-events`."""

# ruff: noqa: S608 - only constants and numbers of this package are put into SQL

import duckdb

from agents.verify import mailboxes
from agents.verify.report import Check
from agents.verify.world import ACCOUNT_EVENTS, REJECTED_EVENTS, SALESFORCE_CHANGES, USER_EVENTS, WEB_EVENTS

AT = f"'{WEB_EVENTS}/' || w.p || '/' || w.o"
RECORD = f"'{USER_EVENTS}/' || u.p || '/' || u.o"

COUNTS = f"""CREATE TABLE outcome AS
    WITH made AS (
        SELECT sp AS p, so AS o, count(*) FILTER (kind = 'event' AND person IS NULL) AS events,
            count(*) FILTER (kind = 'link') AS links, count(*) FILTER (kind = 'split') AS splits,
            count(*) FILTER (kind = 'forget') AS forgets, count(*) AS records
        FROM ue WHERE st = '{WEB_EVENTS}' GROUP BY ALL),
    refused AS (SELECT sp AS p, so AS o, count(*) AS refusals, any_value(reason) AS reason FROM rejected
        WHERE st = '{WEB_EVENTS}' GROUP BY ALL)
    SELECT w.*, coalesce(events, 0) AS events, coalesce(links, 0) AS links, coalesce(refusals, 0) AS refusals,
        coalesce(splits, 0) AS splits, coalesce(forgets, 0) AS forgets,
        coalesce(records - events - links - splits - forgets, 0) AS others, reason
    FROM want w LEFT JOIN made USING (p, o) LEFT JOIN refused USING (p, o)"""

REJECTED = f"""CREATE TABLE rejected AS SELECT p, o, key_hex, digest, headers->>'reason' AS reason,
        headers->>'topic' AS st, TRY_CAST(headers->>'partition' AS INTEGER) AS sp,
        TRY_CAST(headers->>'offset' AS BIGINT) AS so, coalesce(headers->>'detail', '') AS detail
    FROM message WHERE topic = '{REJECTED_EVENTS}'"""

ONCE = f"""SELECT {AT}, alias, 'has to give ' || expected || '; found events ' || events || ', links ' || links
        || ', splits ' || splits || ', forgets ' || forgets || ', rejections ' || refusals || ', others ' || others
    FROM (SELECT *, CASE fate WHEN 'event' THEN 'one event'
            WHEN 'reject' THEN 'one rejection' WHEN 'command' THEN 'one ' || commands WHEN 'mark' THEN 'nothing'
            WHEN 'company' THEN 'nothing here'
            ELSE 'one event or one rejection' END AS expected
        FROM outcome) w
    WHERE others > 0 OR splits <> (fate = 'command' AND commands = 'split')::INT
        OR forgets <> (fate = 'command' AND commands = 'forget')::INT OR NOT CASE fate
        WHEN 'mark' THEN events + links + refusals = 0 WHEN 'company' THEN events + links + refusals = 0
        WHEN 'command' THEN events + links + refusals = 0
        WHEN 'reject' THEN events + links = 0 AND refusals = 1
        WHEN 'event' THEN events = 1 AND refusals = 0
        ELSE events + refusals = 1 AND links <= 2 * events END ORDER BY p, o"""

FIELDS = f"""SELECT {RECORD}, u.alias, {AT} || ': ' || array_to_string(list_filter([
        CASE WHEN u.key IS DISTINCT FROM w.alias OR u.alias IS DISTINCT FROM w.alias THEN 'alias is to be ' || w.alias
            END,
        CASE WHEN u.message_id IS DISTINCT FROM w.message_id THEN 'message_id is to be ' || w.message_id END,
        CASE WHEN u.ms NOT IN (w.ms, least(w.said_ms, u.received_at)) THEN 'at is to be ' || w.ms || ', is ' || u.ms
            END,
        CASE WHEN u.received_at < w.received_at THEN 'received_at is to be ' || w.received_at || ', or later' END,
        CASE WHEN coalesce(u.name, '') <> w.name THEN 'name is to be ' || w.name END,
        CASE WHEN NOT coalesce(u.bot, false) AND coalesce(u.visit, false) <> w.visit THEN 'visit is to be ' || w.visit
            END,
        CASE WHEN u.email IS DISTINCT FROM w.email THEN 'email is to be ' || coalesce(w.email, 'none') END,
        CASE WHEN w.full_name IS NOT NULL AND u.full_name IS DISTINCT FROM w.full_name THEN
            'name of the person differs' END
        ], lambda x: x IS NOT NULL), ', ') AS what
    FROM want w JOIN ue u ON u.sp = w.p AND u.so = w.o AND u.st = '{WEB_EVENTS}' AND u.kind = 'event' AND u.person IS
        NULL
    WHERE w.fate = 'event' AND NOT ends_with(what, ': ') ORDER BY w.p, w.o"""

SAID = f"""CREATE TABLE said AS
    WITH made AS (SELECT sp AS p, so AS o, any_value(ms) AS ms, any_value(received_at) AS received_at FROM ue
        WHERE kind = 'event' AND person IS NULL AND st = '{WEB_EVENTS}' GROUP BY ALL)
    SELECT w.p, w.o, link_from AS alias, w.alias AS target, w.message_id, made.ms, made.received_at FROM want w
        JOIN made USING (p, o) WHERE fate = 'event' AND link_from IS NOT NULL
    UNION SELECT w.p, w.o, CASE WHEN user THEN address ELSE w.alias END, CASE WHEN user THEN w.alias ELSE address END,
        w.message_id, u.ms, u.received_at
    FROM (SELECT *, starts_with(alias, 'user:') AS user FROM want) w
    JOIN (SELECT *, 'email:' || email AS address FROM ue WHERE kind = 'event' AND person IS NULL) u
        ON u.st = '{WEB_EVENTS}' AND u.sp = w.p AND u.so = w.o
    WHERE w.fate = 'event' AND w.identifies AND u.email IS NOT NULL AND NOT {mailboxes.shared("u.email")}"""
"""Links that each web event says, with the instants of the event's record; that of an email as the record has it."""

LINKS = f"""WITH made AS (SELECT sp AS p, so AS o, alias, target, count(*) AS times, bool_and(key = alias) AS keyed,
        any_value(message_id) AS message_id, any_value(ms) AS ms, any_value(received_at) AS received_at
        FROM ue WHERE kind = 'link' AND st = '{WEB_EVENTS}' GROUP BY ALL)
    SELECT {AT}, alias, 'link from ' || alias || ' to ' || target || ': ' || CASE WHEN said.ms IS NULL
        THEN 'nobody said so' WHEN times IS NULL THEN 'is missing' ELSE 'is to be one, keyed by ' || alias || ', of '
        || said.message_id || ' at ' || said.ms || ', received at ' || said.received_at END
    FROM said FULL JOIN made USING (p, o, alias, target) JOIN want w USING (p, o)
    WHERE w.fate = 'event' AND NOT coalesce(times = 1 AND keyed AND (said.message_id, said.ms, said.received_at)
        = (made.message_id, made.ms, made.received_at), false) ORDER BY p, o"""

COMMANDS = f"""SELECT {RECORD}, u.alias, {AT} || ': the command has to split, join or forget '
        || w.commanded_alias
    FROM want w JOIN ue u ON u.sp = w.p AND u.so = w.o AND u.st = '{WEB_EVENTS}' AND u.kind = w.commands
    WHERE w.fate = 'command' AND ((u.alias, u.key) IS DISTINCT FROM (w.commanded_alias, w.commanded_alias)
        OR u.received_at < w.ts OR CASE u.kind WHEN 'forget' THEN u.person IS NOT NULL OR coalesce(u.passed, 0) <> 0
            ELSE (u.apart, u.message_id, u.ms) IS DISTINCT FROM (w.apart, w.command_id, w.ts) END) ORDER BY w.p, w.o"""

PHANTOMS = f"""SELECT {RECORD}, coalesce(u.person, u.alias), 'no record of the log makes this: kind '
        || coalesce(kind, 'unreadable') || ', source ' || coalesce(header, 'none')
    FROM ue u WHERE kind NOT IN ('barrier', 'bad') AND NOT coalesce(
        kind IN ('part', 'detach') AND st = '{USER_EVENTS}' OR kind IN ('link', 'split') AND st = '{WEB_EVENTS}'
        OR kind = 'event' AND st = CASE WHEN person IS NULL THEN '{WEB_EVENTS}' ELSE '{USER_EVENTS}' END
        OR kind = 'forget' AND (st = '{USER_EVENTS}' OR st = '{WEB_EVENTS}' AND person IS NULL)
        OR kind IN ('facts', 'account', 'share', 'told') AND st = CASE WHEN person IS NULL THEN '{ACCOUNT_EVENTS}'
            ELSE '{USER_EVENTS}' END, false)
    OR kind <> 'bad' AND st IN ('{WEB_EVENTS}', '{ACCOUNT_EVENTS}') AND NOT EXISTS
        (FROM message m WHERE m.topic = st AND m.p = sp AND m.o = so) ORDER BY u.p, u.o"""

REFUSALS = f"""SELECT '{REJECTED_EVENTS}/' || u.p || '/' || u.o, '', array_to_string(list_filter([
        CASE WHEN w.o IS NULL THEN 'of ' || coalesce(st, '?') || '/' || coalesce(sp::VARCHAR, '?') || '/'
            || coalesce(so::VARCHAR, '?') || ', which was not to be rejected' END,
        CASE WHEN w.fate = 'reject' AND NOT list_contains(w.reasons || CASE WHEN w.odd THEN ['wrong-type'] ELSE [] END,
            coalesce(u.reason, '')) THEN 'reason ' || coalesce(u.reason, 'none') || ' is to be '
            || array_to_string(w.reasons, ' or ') END,
        CASE WHEN w.o IS NOT NULL AND u.digest IS DISTINCT FROM w.digest THEN 'the bytes differ from those received'
            END,
        CASE WHEN w.o IS NOT NULL AND u.key_hex IS DISTINCT FROM w.key_hex THEN 'the key differs' END,
        CASE WHEN detail = '' THEN 'no detail' END, CASE WHEN u.reason IS NULL THEN 'no reason' END],
        lambda x: x IS NOT NULL), ', ') AS what
    FROM rejected u LEFT JOIN want w ON u.st = '{WEB_EVENTS}' AND u.sp = w.p AND u.so = w.o AND w.fate IN ('reject',
        'loose')
    WHERE what <> '' AND coalesce(u.st, '') NOT IN ('{USER_EVENTS}', '{SALESFORCE_CHANGES}')
        AND NOT (u.st = '{WEB_EVENTS}' AND EXISTS
        (FROM message m LEFT JOIN done d ON d.topic = m.topic AND d.p = m.p
            WHERE m.topic = u.st AND m.p = u.sp AND m.o = u.so AND m.o >= coalesce(d.o, 0))) ORDER BY u.p, u.o"""

DEAD = f"""WITH refused AS (SELECT sp AS p, so AS o, count(*) AS times,
        bool_and(coalesce(reason, '') = 'bad-record' AND detail <> '') AS reasoned, any_value(digest) AS digest,
        any_value(key_hex) AS key_hex FROM rejected
        WHERE st = '{USER_EVENTS}' AND reason IS DISTINCT FROM 'row-full' GROUP BY ALL),
    bad AS (SELECT * FROM ue WHERE kind = 'bad' AND done)
    SELECT '{USER_EVENTS}/' || p || '/' || o, '', CASE WHEN bad.kind IS NULL THEN 'was not to be rejected'
        ELSE 'cannot be read: has to give one rejection of its bytes as bad-record; found ' || coalesce(times, 0) END
    FROM bad FULL JOIN refused USING (p, o) WHERE NOT coalesce(bad.kind = 'bad' AND times = 1 AND reasoned
        AND bad.digest IS NOT DISTINCT FROM refused.digest AND bad.key_hex IS NOT DISTINCT FROM refused.key_hex, false)
        AND NOT EXISTS (FROM ue WHERE ue.p = refused.p AND ue.o = refused.o AND NOT ue.done) ORDER BY p, o"""

FULL = f"""SELECT '{USER_EVENTS}/' || r.sp || '/' || r.so, '', 'is to be rejected whole and once, as its row was full'
    FROM (SELECT sp, so, count(*) AS times, any_value(digest) AS digest FROM rejected
        WHERE st = '{USER_EVENTS}' AND reason = 'row-full' GROUP BY ALL) r
    LEFT JOIN ue ON ue.p = r.sp AND ue.o = r.so
    WHERE NOT coalesce(times = 1 AND ue.kind <> 'bad' AND ue.digest = r.digest, false) ORDER BY 1"""

REFUSED = f"""EXISTS
    (FROM rejected r WHERE r.st = '{USER_EVENTS}' AND r.reason = 'row-full' AND r.sp = one.p AND r.so = one.o)"""
LEAVE_OUT = f"UPDATE ue AS one SET kind = 'refused' WHERE {REFUSED}"

STRAGGLERS = f"""CREATE TABLE straggler AS
    WITH taken AS (SELECT u.p, u.o, u.alias, u.received_at, if(w.fate = 'command', w.ts, w.received_at) AS own,
            min(u.received_at) OVER (PARTITION BY w.p ORDER BY w.o ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
                AS after
        FROM want w JOIN ue u ON u.sp = w.p AND u.so = w.o AND u.st = '{WEB_EVENTS}' AND u.person IS NULL
            AND u.kind IN ('event', 'split', 'forget')
        WHERE w.fate IN ('event', 'command'))
    FROM taken WHERE received_at > own"""
PASSED = f"""SELECT '{USER_EVENTS}/' || p || '/' || o, alias, 'received_at ' || received_at || ' is to be ' || own
        || ', as the clock of the source cannot have passed that: later ones were received at ' || after
    FROM straggler WHERE after < received_at ORDER BY p, o"""
"""A clock does not go back: whatever it made of one record, no later one of its source was received before that."""
LATER = "events that were received later than they say, as the clock of their partition had passed them: that it had"

KNOWN = ["channel", "ga4", "source", "medium", "campaign", "term", "content", "click", "referrer", "landing"]

SOURCES = f"""WITH visit AS (
        SELECT u.p, u.o, u.alias, u.visit, u.bot, w.campaign_name, w.page, w.campaign, w.agent,
            if(u.source IS NULL OR json_valid(u.source), u.source, '{{}}') AS source,
            w.properties->>'$.url' AS url, w.properties->>'$.referrer' AS referrer,
            len(list_filter(w.campaign_values, lambda x: trimmed(x) IS NOT NULL)) > 0 AS tagged
        FROM want w JOIN ue u ON u.sp = w.p AND u.so = w.o AND u.st = '{WEB_EVENTS}' AND u.kind = 'event' AND u.person
            IS NULL),
    judged AS (SELECT *, CASE WHEN visit THEN mode(coalesce(source, '')) OVER
            (PARTITION BY visit, page, campaign, url, referrer) END AS usual,
        mode(coalesce(bot, false)) OVER (PARTITION BY agent) AS usual_bot FROM visit)
    SELECT {RECORD}, alias, array_to_string(list_filter([
        CASE WHEN source IS NOT NULL AND NOT coalesce(visit, false) THEN 'a source without a visit' END,
        CASE WHEN coalesce(source->>'$.channel', 'x') = '' OR coalesce(source->>'$.ga4', 'x') = ''
            OR source IS NOT NULL AND NOT (json_exists(source, '$.channel') AND json_exists(source, '$.ga4'))
            THEN 'a source without channel' END,
        CASE WHEN source IS NOT NULL AND len(list_filter(json_keys(source), lambda x: NOT list_contains({KNOWN}, x))) >
            0
            THEN 'unknown fields in the source' END,
        CASE WHEN visit AND coalesce(source, '') <> usual THEN 'events alike have another source' END,
        CASE WHEN visit AND tagged AND source IS NULL THEN 'a campaign without a source' END,
        CASE WHEN campaign_name IS NOT NULL AND source IS NOT NULL
            AND lower(coalesce(source->>'$.campaign', '')) <> lower(campaign_name) THEN 'campaign is to be ' ||
                campaign_name END,
        CASE WHEN coalesce(bot, false) <> usual_bot THEN 'events of this user agent are otherwise ' ||
            CASE WHEN usual_bot THEN 'a bot''s' ELSE 'no bot''s' END END], lambda x: x IS NOT NULL), ', ') AS what
    FROM judged u WHERE what <> '' ORDER BY u.p, u.o"""


def check(con: duckdb.DuckDBPyConnection) -> list[Check]:
    """Compare; needs the tables of `log.prepare` and `ingest.prepare`."""
    con.execute(REJECTED)
    con.execute(COUNTS)
    con.execute(SAID)
    return [_events(con), _refusals(con), _sources(con)]


def _events(con: duckdb.DuckDBPyConnection) -> Check:
    found = Check("ingest")
    found.compared = _count(con, "want")
    con.execute(STRAGGLERS)
    for query in (ONCE, FIELDS, LINKS, COMMANDS, PHANTOMS, PASSED):
        found.differ_all(con.execute(query).fetchall())
    found.skip(_count(con, "straggler"), LATER)
    found.skip(_count(con, "want WHERE fate = 'loose'"), "web events of which the specification leaves the fate open")
    return found


def _refusals(con: duckdb.DuckDBPyConnection) -> Check:
    found = Check("rejections")
    found.compared = _count(con, "rejected")
    for query in (REFUSALS, DEAD, FULL):
        found.differ_all(con.execute(query).fetchall())
    found.skip(_count(con, "rejected WHERE reason = 'row-full'"), "records refused because their row was full")
    return found


def leave_out_refused(con: duckdb.DuckDBPyConnection) -> None:
    """Take what a full row refused out of what is retold: how full it was is the core's own affair."""
    con.execute(LEAVE_OUT)


def _sources(con: duckdb.DuckDBPyConnection) -> Check:
    found = Check("sources of visits")
    found.compared = _count(con, "ue WHERE kind = 'event' AND visit AND person IS NULL")
    found.differ_all(con.execute(SOURCES).fetchall())
    return found


def _count(con: duckdb.DuckDBPyConnection, what: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {what}").fetchone()
    return int(row[0]) if row else 0
