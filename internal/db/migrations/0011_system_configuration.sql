-- +goose Up

-- The settings of the whole installation, as one document. There is no row until somebody changes one of them.
CREATE TABLE system_configuration (
    singleton           BIGINT NOT NULL PRIMARY KEY CHECK (singleton = 1),
    document            TEXT   NOT NULL,
    version             BIGINT NOT NULL,
    insert_instant      BIGINT NOT NULL,
    last_update_instant BIGINT NOT NULL
);

-- These settings say how large the logs grow, which from now on may be very large. A search in them that asks for one tenant or one type reads
-- no others.
CREATE INDEX audit_log_tenant ON audit_log (tenant_id, insert_instant, id);
CREATE INDEX event_log_type ON event_log (type, insert_instant, id);
