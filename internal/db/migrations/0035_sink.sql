-- +goose Up

-- Brokers and files that get events. document holds the members that are no secret, secrets (sealed) the rest. name_key is the name in lower case, for comparing and
-- ordering. A row with integration is a view of the Integration API: of the whole installation, or of tenant_id.
CREATE TABLE sink (
    id                  TEXT    NOT NULL PRIMARY KEY,
    name_key            TEXT    NOT NULL UNIQUE,
    type                TEXT    NOT NULL,
    global              BOOLEAN NOT NULL,
    integration         BOOLEAN NOT NULL,
    tenant_id           TEXT    REFERENCES tenant (id) ON DELETE CASCADE,
    document            TEXT    NOT NULL,
    secrets             TEXT    NOT NULL,
    version             BIGINT  NOT NULL,
    insert_instant      BIGINT  NOT NULL,
    last_update_instant BIGINT  NOT NULL
);

CREATE TABLE sink_tenant (
    sink_id   TEXT NOT NULL REFERENCES sink (id) ON DELETE CASCADE,
    tenant_id TEXT NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    PRIMARY KEY (sink_id, tenant_id)
);

CREATE INDEX sink_tenant_tenant ON sink_tenant (tenant_id);
