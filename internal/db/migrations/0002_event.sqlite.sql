-- +goose Up

-- What was asked or committed: one row per event, the webhook event log. body holds the exact bytes every webhook gets.
-- AUTOINCREMENT, because a plain rowid is used again after the newest row was deleted.
CREATE TABLE event (
    sequence             INTEGER PRIMARY KEY AUTOINCREMENT,
    id                   TEXT    NOT NULL UNIQUE,
    operation_id         TEXT    NOT NULL,
    tenant_id            TEXT,
    type                 TEXT    NOT NULL,
    transaction_type     TEXT    NOT NULL,
    result               TEXT    NOT NULL CHECK (result = 'Running' OR result = 'Succeeded' OR result = 'Failed'),
    linked_object_id     TEXT,
    test                 BOOLEAN NOT NULL DEFAULT FALSE,
    body                 TEXT    NOT NULL,
    insert_instant       BIGINT  NOT NULL,
    decide_by_instant    BIGINT  NOT NULL DEFAULT 0,
    last_update_instant  BIGINT  NOT NULL
);

CREATE INDEX event_running ON event (decide_by_instant) WHERE result = 'Running';
