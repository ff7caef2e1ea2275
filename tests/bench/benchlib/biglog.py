"""Fills a database with the log of a year: through a milter that would take a day.

The rows are like those that bulkwatchd writes for mail of milterload's senders, so that these
meet their own past. Only the hashes are taken at random: nothing compares them with the names.
"""

import os
import sqlite3
import time

DAYS = 360

# Of each 250 messages the first 25 are a bulk send, of one recipient each, and every ninth of the
# others is one by itself, to 25 recipients, until there are 25 bulk sends.
BLOCK = 250
BLOCK_SENDS = 25
MESSAGES_PER_SEND = BLOCK // BLOCK_SENDS
MESSAGES_PER_SENDER = 1000

# Not closed are all of the newest, and one in so many of the others, forgotten.
OPEN_NEWEST = 2000
OPEN_EVERY = 500

# Messages that are written at a time; the tables grow side by side, as they do with mail.
STEP = 100000

# What stands in the rows for words, as in record.h.
NUMBERS = {"login": 1, "new": 1, "reviewing": 2, "closed": 3, "reported": 1,
           "by_message": 1, "by_window": 2, "started": 1, "sent": 2}

# The number of a message says all: whose it is, by a hash of it whose square lets some send much
# more than others, and of which bulk send.
MESSAGES = """
WITH RECURSIVE
number (id) AS (VALUES (:first) UNION ALL SELECT id + 1 FROM number WHERE id < :last),
placed AS (SELECT id, (id - 1) % 250 AS place FROM number),
chosen AS (SELECT id, place,
    ((CASE WHEN place < 25 THEN id - place ELSE id END) * 2654435761 & 4294967295) >> 12 AS chance,
    CASE WHEN place BETWEEN 25 AND 240 AND (place - 25) % 9 = 0 THEN 25 ELSE 1 END AS recipients
    FROM placed),
sent AS (SELECT *, (chance * chance >> 20) * :senders >> 20 AS sender,
    (:messages - id) * :apart_ms AS ago_ms FROM chosen)
INSERT INTO message (id, at, tick, fingerprint, previous, client_previous, recipient_count,
    external_count, identity, sender, mail_from, client, queue_id, message_id, subject, hashes,
    recipients)
SELECT id, :now_ms - ago_ms, 1000000000 - ago_ms / 1000, random(),
    CASE WHEN place BETWEEN 1 AND 24 THEN id - 1 ELSE 0 END, 0, recipients, recipients, :login,
    printf('staff%07d@example.gov.vn', sender), printf('staff%07d@example.gov.vn', sender),
    '192.0.2.' || (sender % 250 + 1), printf('4%010X', id),
    printf('<%016x.%08x@mail.example.gov.vn>', random(), id),
    'Giấy mời họp giao ban công tác chỉ đạo, điều hành, kỳ ' || id,
    randomblob(8 * recipients),
    CASE recipients WHEN 1 THEN printf(char(9) || 'person%010d@ward%02d.example.org', id, id % 97)
    ELSE (SELECT people FROM temp.many WHERE many.id = sent.id % 1000) END
FROM sent
"""

PARTS = """
WITH RECURSIVE
number (id) AS (VALUES (:first_send) UNION ALL
    SELECT id + 1 FROM number WHERE id < :last_send),
placed AS (SELECT id, (id - 1) / 25 * 250 AS block, (id - 1) % 25 AS place FROM number)
INSERT INTO temp.part (send, first, last)
SELECT id, block + CASE place WHEN 0 THEN 1 ELSE 26 + 9 * (place - 1) END,
    block + CASE place WHEN 0 THEN 25 ELSE 26 + 9 * (place - 1) END FROM placed
"""

SENDS = """
INSERT INTO bulk_send (id, identity, sender, status, outcome, assignee, trigger_kind, rule, action,
    limit_, window_secs, quiet_secs, first_at, last_at, last_tick, ended, messages, recipients,
    distinct_recipients, external_recipients, alerted, subject, client)
SELECT send, :login, newest.sender, status, CASE status WHEN :closed THEN :reported ELSE 0 END,
    CASE status WHEN :new THEN NULL ELSE 'duty' END,
    CASE first WHEN last THEN :by_message ELSE :by_window END,
    CASE first WHEN last THEN 'message' ELSE 'window' END, 0, 20,
    CASE first WHEN last THEN 0 ELSE 600 END, 600, oldest.at, newest.at, newest.tick, 1,
    last - first + 1, 25, 25, 25, 25, newest.subject, newest.client
FROM (SELECT *, CASE WHEN send > :sends - :open_newest THEN :new
          WHEN send % :open_every = 0 THEN :reviewing ELSE :closed END AS status FROM temp.part)
JOIN message AS oldest ON oldest.id = first JOIN message AS newest ON newest.id = last
"""

SEND_MESSAGES = """
INSERT INTO bulk_message (bulk_send, message, fingerprint, rule, reach)
SELECT send, id, fingerprint, CASE WHEN first = last THEN 'message' WHEN id - first >= 19
    THEN 'window' END, CASE first WHEN last THEN 0 ELSE 600 END
FROM temp.part JOIN message ON id BETWEEN first AND last
"""

# In their order, one of each 25th of all numbers.
SEND_RECIPIENTS = """
WITH RECURSIVE turn (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM turn WHERE n < 24)
INSERT INTO bulk_recipient (bulk_send, hash)
SELECT send, (n - 12) * 737869762948382064 + random() % 368934881474191032
FROM temp.part CROSS JOIN turn
"""

HISTORY = """
INSERT INTO history (bulk_send, at, by_, event, note)
SELECT id, first_at, 'bulkwatchd', 'opened', rule FROM bulk_send
    WHERE id BETWEEN :first_send AND :last_send
UNION ALL SELECT id, last_at + 3600000, 'duty', 'taken', NULL FROM bulk_send
    WHERE id BETWEEN :first_send AND :last_send AND status <> :new
UNION ALL SELECT id, last_at + 7200000, 'duty', 'closed', 'reported' FROM bulk_send
    WHERE id BETWEEN :first_send AND :last_send AND status = :closed
"""

ALERTS = """
INSERT INTO alert (bulk_send, kind, state, to_, attempts, created_at, next_at, sent_at, message_id)
SELECT id, :started, :sent, 'postmaster@example.gov.vn', 1, last_at, last_at, last_at + 1000,
    printf('<%016x.alert@mail.example.gov.vn>', id)
FROM bulk_send WHERE id BETWEEN :first_send AND :last_send
"""

# As upkeep does it.
SUMS = """
INSERT INTO sender_day (sender, identity, day, messages, recipients, first_at, last_at)
SELECT sender, identity, at / 86400000, count(*), sum(recipient_count), min(at), max(at)
FROM message WHERE id BETWEEN :first AND :last GROUP BY 1, 2, 3
ON CONFLICT (sender, identity, day) DO UPDATE SET messages = messages + excluded.messages,
    recipients = recipients + excluded.recipients, last_at = excluded.last_at
"""

WRITES = [MESSAGES, "DELETE FROM temp.part", PARTS, SENDS, SEND_MESSAGES, SEND_RECIPIENTS, HISTORY,
          ALERTS, SUMS]


def fill(path, messages):
    """Writes so many messages, and a bulk send for each ten of them. The newest is a minute
    old. bulkwatchd must have made the database, and must not run."""
    assert messages % STEP == 0, f"not a multiple of {STEP} messages"
    db = sqlite3.connect(path, isolation_level=None)
    # A crash would cost the database, and no more than that: there is nothing in it yet.
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000",
                   "temp_store = MEMORY"):
        db.execute(f"PRAGMA {pragma}")
    _make_helpers(db)
    values = NUMBERS | {
        "messages": messages, "sends": messages // MESSAGES_PER_SEND,
        "senders": messages // MESSAGES_PER_SENDER,
        "now_ms": int(time.time() * 1000) - 60000, "apart_ms": DAYS * 86400000 // messages,
        "open_newest": OPEN_NEWEST, "open_every": OPEN_EVERY}
    db.execute("BEGIN")
    for before in range(0, messages, STEP):
        values |= {"first": before + 1, "last": before + STEP,
                   "first_send": before // MESSAGES_PER_SEND + 1,
                   "last_send": (before + STEP) // MESSAGES_PER_SEND}
        for statement in WRITES:
            db.execute(statement, values)
    db.execute("INSERT INTO meta VALUES ('summed-upto', ?)", (messages,))
    # As after a boot: the ages of all these messages are known by the wall clock only.
    db.execute("DELETE FROM meta WHERE key = 'boot-id'")
    db.execute("COMMIT")
    db.execute("PRAGMA journal_mode = WAL")
    db.close()
    # What the kernel still has to write would slow down whatever is measured next.
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _make_helpers(db):
    """temp.part: the messages of the bulk sends of a step. temp.many: recipients of one message."""
    db.execute("CREATE TABLE temp.part (send INTEGER PRIMARY KEY, first INTEGER, last INTEGER)")
    db.execute("CREATE TABLE temp.many (id INTEGER PRIMARY KEY, people TEXT)")
    for number in range(1000):
        people = "\n".join(f"\tperson{person:010}@ward{person % 97:02}.example.org"
                           for person in range(number * 25, number * 25 + 25))
        db.execute("INSERT INTO temp.many VALUES (?, ?)", (number, people))


def sizes(path):
    """(table, rows, bytes of it, bytes of its indexes) of each table, the largest first."""
    db = sqlite3.connect(path)
    found = db.execute(
        "SELECT tbl_name, sum(CASE type WHEN 'table' THEN pgsize ELSE 0 END), "
        "sum(CASE type WHEN 'index' THEN pgsize ELSE 0 END) "
        "FROM dbstat JOIN sqlite_schema USING (name) GROUP BY 1 ORDER BY sum(pgsize) DESC"
        ).fetchall()
    rows = [(name, db.execute(f"SELECT count(*) FROM {name}").fetchone()[0], own, indexes)
            for name, own, indexes in found if name != "sqlite_sequence"]
    db.close()
    # The others hold a few rows at most.
    return [row for row in rows if row[1] > 100]
