PRAGMA user_version = 8;
CREATE TABLE answers (uid TEXT PRIMARY KEY REFERENCES evaluation (uid), count INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE checkpoint (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, step INTEGER NOT NULL, stamp TEXT NOT NULL, path TEXT NOT NULL,
    kind TEXT NOT NULL, base TEXT, final INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT,
    detail TEXT NOT NULL DEFAULT '', digest TEXT, stage TEXT, attempts INTEGER NOT NULL DEFAULT 0,
    asked INTEGER NOT NULL DEFAULT 0, early INTEGER NOT NULL DEFAULT 0, adopted INTEGER NOT NULL DEFAULT 0,
    seen_at REAL NOT NULL, changed_at REAL NOT NULL);
CREATE INDEX checkpoint_final ON checkpoint (seen_at) WHERE final;
CREATE INDEX checkpoint_name ON checkpoint (name, id);
CREATE INDEX checkpoint_state ON checkpoint (state, step);
CREATE TABLE delivery (
    episode TEXT NOT NULL REFERENCES episode (key), event TEXT NOT NULL, channel TEXT NOT NULL, told TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0, done_at REAL, error TEXT,
    PRIMARY KEY (episode, event, channel));
CREATE TABLE episode (
    key TEXT PRIMARY KEY, step INTEGER NOT NULL, body TEXT NOT NULL, began_at REAL NOT NULL, over INTEGER NOT NULL);
CREATE TABLE evaluation (
    uid TEXT PRIMARY KEY, checkpoint INTEGER NOT NULL REFERENCES checkpoint (id), suite TEXT NOT NULL,
    metrics TEXT NOT NULL, at REAL NOT NULL, exported INTEGER NOT NULL DEFAULT 0, origin TEXT);
CREATE INDEX evaluation_checkpoint ON evaluation (checkpoint);
CREATE TABLE failure (
    key TEXT PRIMARY KEY, name TEXT NOT NULL, step INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
    seen_at REAL NOT NULL, at REAL NOT NULL);
CREATE TABLE followup (
    evaluation TEXT NOT NULL REFERENCES evaluation (uid), kind TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0, reason TEXT,
    detail TEXT NOT NULL DEFAULT '', metrics TEXT, at REAL NOT NULL, PRIMARY KEY (evaluation, kind));
CREATE INDEX followup_open ON followup (state, not_before);
CREATE TABLE found (uid TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (uid, target));
CREATE TABLE loss (place INTEGER PRIMARY KEY, step INTEGER NOT NULL, loss TEXT NOT NULL, uid TEXT UNIQUE);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE outbox (
    uid TEXT NOT NULL REFERENCES row (uid), target TEXT NOT NULL, kind TEXT NOT NULL, step INTEGER NOT NULL,
    mark INTEGER, attempts INTEGER NOT NULL DEFAULT 0, reason TEXT, published_at REAL,
    copies INTEGER NOT NULL DEFAULT 1, sent_first REAL, sent_last REAL, looks INTEGER NOT NULL DEFAULT 0,
    look_at REAL, UNIQUE (uid, target));
CREATE INDEX outbox_due ON outbox (target, published_at, kind, step);
CREATE TABLE row (
    uid TEXT PRIMARY KEY, kind TEXT NOT NULL, step INTEGER NOT NULL, body TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE seal (name TEXT PRIMARY KEY, total INTEGER NOT NULL);
CREATE TABLE sighting (
    name TEXT PRIMARY KEY, step INTEGER NOT NULL, mark TEXT NOT NULL, written REAL NOT NULL, training TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL);
CREATE TABLE suite (request TEXT PRIMARY KEY, digest TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE summary (uid TEXT PRIMARY KEY, version TEXT NOT NULL, body BLOB NOT NULL);
