-- +goose Up

-- hash is SHA-256 of the key, sealed the key itself, or '' when it cannot be retrieved. name is NULL when there is none, so that
-- UNIQUE does not count those. expiration_instant 0 is never. document holds what is only stored and returned.
--
-- tenant_id is no reference on purpose: a kickstart file may bind a key to a tenant that one of its requests creates later.
CREATE TABLE api_key (
    id                  TEXT    NOT NULL PRIMARY KEY,
    hash                TEXT    NOT NULL UNIQUE,
    sealed              TEXT    NOT NULL,
    name                TEXT    UNIQUE,
    tenant_id           TEXT    NOT NULL,
    key_manager         BOOLEAN NOT NULL,
    retrievable         BOOLEAN NOT NULL,
    expiration_instant  BIGINT  NOT NULL,
    permissions         TEXT    NOT NULL,
    document            TEXT    NOT NULL,
    version             BIGINT  NOT NULL,
    insert_instant      BIGINT  NOT NULL,
    last_update_instant BIGINT  NOT NULL
);

CREATE INDEX api_key_tenant ON api_key (tenant_id);
