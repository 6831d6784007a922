"""The tables of the early warnings, and how they are made of those of version 6."""

from __future__ import annotations

from typing import Final

EPISODES: Final = """
CREATE TABLE failure (
    key TEXT PRIMARY KEY, name TEXT NOT NULL, step INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
    seen_at REAL NOT NULL, at REAL NOT NULL);
CREATE TABLE episode (
    key TEXT PRIMARY KEY, step INTEGER NOT NULL, body TEXT NOT NULL, began_at REAL NOT NULL, over INTEGER NOT NULL);
CREATE TABLE delivery (
    episode TEXT NOT NULL REFERENCES episode (key), event TEXT NOT NULL, channel TEXT NOT NULL, told TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0, done_at REAL, error TEXT,
    PRIMARY KEY (episode, event, channel));
"""

# What was told of a checkpoint keeps its key, also where its weights have been written again since, or its stamp is
# made in another way.
_FAILURES: Final = """
INSERT OR IGNORE INTO failure (key, name, step, reason, detail, seen_at, at)
    SELECT COALESCE(
        (SELECT key FROM alert WHERE key = c.own),
        (SELECT key FROM alert WHERE instr(key, 'failed/' || c.name || '/') = 1
            AND substr(key, -length(c.reason) - 1) = '/' || c.reason ORDER BY created_at DESC LIMIT 1),
        c.own), c.name, c.step, c.reason, c.detail, c.seen_at, c.changed_at
    FROM (SELECT *, 'failed/' || name || '/' || COALESCE(NULLIF(digest, ''), stamp) || '/' || reason AS own
        FROM checkpoint WHERE state = 'failed' AND reason != 'non_finite') AS c ORDER BY c.changed_at, c.id;
"""

# Failures had an alert and no episode. Each gets one that is over: whether it lasts after all shows at the first look,
# which is no news then.
_EPISODES: Final = """
INSERT INTO episode (key, step, body, began_at, over) SELECT key, step, body, began_at, over FROM alarm ORDER BY rowid;
INSERT INTO episode (key, step, body, began_at, over)
    SELECT key, step, json_object(
        'key', key, 'rule', 'checkpoint_failed', 'level', level, 'step', step, 'title', title, 'evidence', text,
        'threshold', '', 'source', '', 'cause', '', 'fix', '', 'samples', json('[]'), 'uid', '', 'cleared_step', NULL,
        'active', json('false')), created_at, 1
    FROM (SELECT alert.*, COALESCE((SELECT step FROM checkpoint WHERE instr(alert.key, 'failed/' || name || '/') = 1
            ORDER BY length(name) DESC, id DESC LIMIT 1), 0) AS step FROM alert) AS told
    WHERE NOT EXISTS (SELECT 1 FROM alarm WHERE told.key IN (alarm.key, alarm.key || '/over'))
    ORDER BY created_at, key;
"""

# What is due is told as it was to be told; the end of an episode may be known by now and its beginning not told yet.
_DELIVERIES: Final = """
INSERT INTO delivery (episode, event, channel, told, attempts, not_before, done_at, error)
    SELECT alarm, event, channel, CASE event
        WHEN 'raised' THEN json_set(body, '$.cleared_step', NULL, '$.active', json('true'))
        ELSE json_set(body, '$.active', json('false')) END, attempts, not_before, done_at, error
    FROM notice JOIN alarm ON alarm.key = notice.alarm ORDER BY notice.rowid;
INSERT INTO delivery (episode, event, channel, told, done_at)
    SELECT CASE own WHEN 1 THEN key ELSE substr(key, 1, length(key) - 5) END,
        CASE own WHEN 1 THEN 'raised' ELSE 'cleared' END, 'wandb',
        json_object('level', level, 'title', title, 'text', text), raised_at
    FROM (SELECT *, EXISTS (SELECT 1 FROM episode WHERE episode.key = alert.key) AS own FROM alert)
    ORDER BY created_at, key;
"""

# W&B was told the end of every episode, also of one whose beginning an earlier ledger had told.
_TOLD_BEFORE: Final = """
INSERT OR IGNORE INTO delivery (episode, event, channel, told, done_at)
    SELECT key, 'raised', 'wandb', '{}', began_at FROM alarm WHERE over != 1;
"""

EPISODES_OF_ALARMS: Final = (
    _FAILURES + _EPISODES + _DELIVERIES + _TOLD_BEFORE + "DROP TABLE notice; DROP TABLE alarm; DROP TABLE alert;"
)
