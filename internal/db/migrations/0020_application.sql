-- +goose Up

-- document holds every member that is no secret and has no column, as the client sent it; secrets (sealed) the rest. name_key is the name in the
-- form that must be unique. client_id is what OAuth clients call the application.
CREATE TABLE application (
    id                  TEXT    NOT NULL PRIMARY KEY,
    tenant_id           TEXT    NOT NULL REFERENCES tenant (id) ON UPDATE CASCADE ON DELETE CASCADE,
    name                TEXT    NOT NULL,
    name_key            TEXT    NOT NULL,
    client_id           TEXT    NOT NULL UNIQUE,
    active              BOOLEAN NOT NULL,
    document            TEXT    NOT NULL,
    secrets             TEXT    NOT NULL,
    version             BIGINT  NOT NULL,
    insert_instant      BIGINT  NOT NULL,
    last_update_instant BIGINT  NOT NULL,
    UNIQUE (tenant_id, name_key)
);

CREATE TABLE application_role (
    id                  TEXT    NOT NULL PRIMARY KEY,
    application_id      TEXT    NOT NULL REFERENCES application (id) ON DELETE CASCADE,
    name                TEXT    NOT NULL,
    description         TEXT    NOT NULL,
    is_default          BOOLEAN NOT NULL,
    is_super_role       BOOLEAN NOT NULL,
    insert_instant      BIGINT  NOT NULL,
    last_update_instant BIGINT  NOT NULL,
    UNIQUE (application_id, name)
);
