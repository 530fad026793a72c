-- +goose Up

-- document holds the members that are no secret, secrets (sealed) the rest: password, header values, PEM certificate. url and
-- description are in lower case here, for searching.
CREATE TABLE webhook (
    id                  TEXT    NOT NULL PRIMARY KEY,
    url                 TEXT    NOT NULL,
    description         TEXT    NOT NULL,
    global              BOOLEAN NOT NULL,
    document            TEXT    NOT NULL,
    secrets             TEXT    NOT NULL,
    version             BIGINT  NOT NULL,
    insert_instant      BIGINT  NOT NULL,
    last_update_instant BIGINT  NOT NULL
);

CREATE TABLE webhook_tenant (
    webhook_id TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    tenant_id  TEXT NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    PRIMARY KEY (webhook_id, tenant_id)
);

CREATE INDEX webhook_tenant_tenant ON webhook_tenant (tenant_id);
