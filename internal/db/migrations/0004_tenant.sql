-- +goose Up

-- document holds every member that is no secret and has no column, as the client sent it; secrets (sealed) the rest. name_key is the
-- name in the form that must be unique. deleting is true from the moment somebody asked to delete the tenant until it is gone.
CREATE TABLE tenant (
    id                  TEXT    NOT NULL PRIMARY KEY,
    name                TEXT    NOT NULL,
    name_key            TEXT    NOT NULL UNIQUE,
    document            TEXT    NOT NULL,
    secrets             TEXT    NOT NULL,
    deleting            BOOLEAN NOT NULL,
    version             BIGINT  NOT NULL,
    insert_instant      BIGINT  NOT NULL,
    last_update_instant BIGINT  NOT NULL
);

-- One row, written at the first start: what this installation is. key_check is a known text, sealed, that shows whether a process has the
-- key of the secrets in this store.
CREATE TABLE instance (
    singleton         BIGINT NOT NULL PRIMARY KEY CHECK (singleton = 1),
    id                TEXT   NOT NULL,
    default_tenant_id TEXT   NOT NULL REFERENCES tenant (id) ON UPDATE CASCADE,
    key_check         TEXT   NOT NULL,
    insert_instant    BIGINT NOT NULL
);
