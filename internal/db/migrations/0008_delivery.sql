-- +goose Up

-- What an operation keeps to itself between asking and committing, so that nobody else is asked about it meanwhile. There are no more
-- rows than operations under way, so the table needs no index but its key.
CREATE TABLE reservation (
    name           TEXT   NOT NULL PRIMARY KEY,
    operation_id   TEXT   NOT NULL,
    expire_instant BIGINT NOT NULL
);

-- The outbox: one event owed to one webhook. Migration 0009 replaces this table, and says what its columns mean now: a claim names the process
-- that carries a delivery and ends with that process' lease (docs/decisions/0004-claims-end-with-the-process.md), not with a due time of its own.
CREATE TABLE delivery (
    id                  TEXT   NOT NULL PRIMARY KEY,
    event_id            TEXT   NOT NULL REFERENCES event (id) ON DELETE CASCADE,
    webhook_id          TEXT   NOT NULL,
    state               TEXT   NOT NULL CHECK (state IN ('pending', 'delivered', 'dead', 'cancelled')),
    attempts            BIGINT NOT NULL,
    due_instant         BIGINT NOT NULL,
    claim               BIGINT NOT NULL,
    claimed_by          TEXT,
    insert_instant      BIGINT NOT NULL,
    last_update_instant BIGINT NOT NULL
);

CREATE INDEX delivery_due ON delivery (webhook_id, due_instant) WHERE state = 'pending';
CREATE INDEX delivery_event ON delivery (event_id);

-- One HTTP call to one webhook. detail holds request and response as far as they are kept (JSON, secrets masked).
CREATE TABLE attempt (
    id             TEXT   NOT NULL PRIMARY KEY,
    event_id       TEXT   NOT NULL REFERENCES event (id) ON DELETE CASCADE,
    delivery_id    TEXT,
    webhook_id     TEXT   NOT NULL,
    kind           TEXT   NOT NULL CHECK (kind IN ('vote', 'delivery', 'retry', 'test', 'replay')),
    node           TEXT   NOT NULL,
    outcome        TEXT   NOT NULL,
    status_code    BIGINT NOT NULL,
    url            TEXT   NOT NULL,
    exception      TEXT   NOT NULL,
    detail         TEXT   NOT NULL,
    start_instant  BIGINT NOT NULL,
    end_instant    BIGINT NOT NULL
);

CREATE INDEX attempt_event ON attempt (event_id, start_instant);
