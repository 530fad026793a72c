-- +goose Up

-- What people read to find out what Herald did (event_log) and who changed what (audit_log). Rows are never changed.
-- A column …_fold is what its neighbour is searched by: the same text in lower case.
-- AUTOINCREMENT, because a plain rowid is used again after the newest row was deleted.
CREATE TABLE event_log (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    type           TEXT   NOT NULL CHECK (type = 'Information' OR type = 'Debug' OR type = 'Error'),
    message        TEXT   NOT NULL,
    message_fold   TEXT   NOT NULL,
    insert_instant BIGINT NOT NULL
);

CREATE INDEX event_log_insert_instant ON event_log (insert_instant, id);

-- tenant_id is no reference: the record outlives the tenant. old_value, new_value and data are JSON, secrets masked.
CREATE TABLE audit_log (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id        TEXT,
    insert_user      TEXT   NOT NULL,
    insert_user_fold TEXT   NOT NULL,
    message          TEXT   NOT NULL,
    message_fold     TEXT   NOT NULL,
    reason           TEXT   NOT NULL,
    reason_fold      TEXT   NOT NULL,
    old_value        TEXT,
    old_value_fold   TEXT,
    new_value        TEXT,
    new_value_fold   TEXT,
    data             TEXT,
    insert_instant   BIGINT NOT NULL
);

CREATE INDEX audit_log_insert_instant ON audit_log (insert_instant, id);
