-- +goose Up

-- Whom an event was not sent to, and why (JSON). Many events share one: it changes only with the settings of tenants and webhooks. id is a hash of the
-- document; last_used_instant moves once a day, for retention.
CREATE TABLE audience (
    id                TEXT   NOT NULL PRIMARY KEY,
    document          TEXT   NOT NULL,
    last_used_instant BIGINT NOT NULL
);

ALTER TABLE event ADD COLUMN audience_id TEXT;

-- Lists of events are ordered by time and mostly ask for a stretch of it. type and tenant are there so that a count reads the index alone.
CREATE INDEX event_time ON event (insert_instant, sequence, type, tenant_id);

-- The outbox: one event owed to one webhook. A row that nobody carries may be tried from due_instant on. One that a process carries
-- has its name in claimed_by and the largest number as due_instant; it is free again when the process gives it back or its node's lease
-- ends. claim counts the claims and whatever else overtakes them, so that a late result counts for nothing. ordering_key is the object
-- whose events the webhook wants in sequence. replays counts how often the delivery was begun anew, attempts those since.
CREATE TABLE delivery_new (
    event_sequence      BIGINT NOT NULL,
    webhook_id          TEXT   NOT NULL,
    state               TEXT   NOT NULL CHECK (state = 'pending' OR state = 'retrying' OR state = 'delivered' OR state = 'dead' OR state = 'cancelled'),
    attempts            BIGINT NOT NULL,
    replays             BIGINT NOT NULL,
    due_instant         BIGINT NOT NULL,
    claim               BIGINT NOT NULL,
    claimed_by          TEXT,
    ordering_key        TEXT,
    insert_instant      BIGINT NOT NULL,
    last_update_instant BIGINT NOT NULL,
    PRIMARY KEY (event_sequence, webhook_id)
) WITHOUT ROWID;

INSERT INTO delivery_new (event_sequence, webhook_id, state, attempts, replays, due_instant, claim, claimed_by, ordering_key, insert_instant, last_update_instant)
SELECT e.sequence, d.webhook_id, CASE WHEN d.state = 'pending' AND d.attempts > 0 THEN 'retrying' ELSE d.state END, d.attempts, 0, d.due_instant, d.claim + 1,
       NULL, NULL, d.insert_instant, d.last_update_instant
FROM delivery d JOIN event e ON e.id = d.event_id WHERE TRUE ON CONFLICT DO NOTHING;

DROP TABLE delivery;
ALTER TABLE delivery_new RENAME TO delivery;

-- What is still open, by due time; dead letters by the time they were given up.
CREATE INDEX delivery_open ON delivery (webhook_id, state, due_instant) WHERE state <> 'delivered';
CREATE INDEX delivery_webhook ON delivery (webhook_id, event_sequence);
CREATE INDEX delivery_order ON delivery (webhook_id, ordering_key, event_sequence) WHERE ordering_key IS NOT NULL AND state <> 'delivered';

-- One HTTP call to one webhook. An id begins with the sequence of its event (12 hexadecimal digits), so that the attempts of an event stand together and need
-- no other index. detail holds request and response as far as they are kept (JSON, secrets masked).
CREATE TABLE attempt_new (
    id             TEXT   NOT NULL PRIMARY KEY,
    webhook_id     TEXT   NOT NULL,
    kind           TEXT   NOT NULL CHECK (kind = 'vote' OR kind = 'delivery' OR kind = 'retry' OR kind = 'test' OR kind = 'replay'),
    node           TEXT   NOT NULL,
    outcome        TEXT   NOT NULL,
    status_code    BIGINT NOT NULL,
    url            TEXT   NOT NULL,
    exception      TEXT   NOT NULL,
    detail         TEXT   NOT NULL,
    start_instant  BIGINT NOT NULL,
    end_instant    BIGINT NOT NULL
) WITHOUT ROWID;

INSERT INTO attempt_new (id, webhook_id, kind, node, outcome, status_code, url, exception, detail, start_instant, end_instant)
SELECT printf('%08x-%04x-8', e.sequence >> 16, e.sequence & 65535) || substr(a.id, 16), a.webhook_id, a.kind, a.node, a.outcome, a.status_code, a.url, a.exception,
       a.detail, a.start_instant, a.end_instant
FROM attempt a JOIN event e ON e.id = a.event_id;

DROP TABLE attempt;
ALTER TABLE attempt_new RENAME TO attempt;

-- The living processes on this database. One that does not renew its lease has lost what it had claimed. SQLite has one process and needs no row.
CREATE TABLE node (
    id              TEXT   NOT NULL PRIMARY KEY,
    started_instant BIGINT NOT NULL,
    expire_instant  BIGINT NOT NULL
);

-- Whether deliveries to a webhook flow: paused by a person, or held back by the breaker because the receiver is unreachable. A webhook without a row flows.
-- probe_instant is when an open breaker lets the next attempt through.
CREATE TABLE webhook_flow (
    webhook_id      TEXT    NOT NULL PRIMARY KEY,
    paused          BOOLEAN NOT NULL,
    paused_instant  BIGINT  NOT NULL,
    pause_reason    TEXT    NOT NULL,
    open            BOOLEAN NOT NULL,
    opened_instant  BIGINT  NOT NULL,
    probe_instant   BIGINT  NOT NULL,
    probes          BIGINT  NOT NULL,
    failure         TEXT    NOT NULL
);
