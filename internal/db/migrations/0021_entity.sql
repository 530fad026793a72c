-- +goose Up

-- Kinds of entities, shared by all tenants. document holds the members without a column; access_token_key_id stands in it as well, and keeps
-- the key from being deleted. name_key is the name in lower case, here as below.
CREATE TABLE entity_type (
    id                  TEXT   NOT NULL PRIMARY KEY,
    name                TEXT   NOT NULL,
    name_key            TEXT   NOT NULL UNIQUE,
    document            TEXT   NOT NULL,
    access_token_key_id TEXT   REFERENCES signing_key (id),
    version             BIGINT NOT NULL,
    insert_instant      BIGINT NOT NULL,
    last_update_instant BIGINT NOT NULL
);

-- What can be granted on entities of a type.
CREATE TABLE entity_permission (
    id                  TEXT   NOT NULL PRIMARY KEY,
    type_id             TEXT   NOT NULL REFERENCES entity_type (id) ON DELETE CASCADE,
    name                TEXT   NOT NULL,
    name_key            TEXT   NOT NULL,
    document            TEXT   NOT NULL,
    insert_instant      BIGINT NOT NULL,
    last_update_instant BIGINT NOT NULL,
    UNIQUE (type_id, name_key)
);

-- Devices, services and whatever else has an identity without being a user. client_secret is sealed, data is JSON, client_key is client_id in lower
-- case.
CREATE TABLE entity (
    id                  TEXT   NOT NULL PRIMARY KEY,
    tenant_id           TEXT   NOT NULL REFERENCES tenant (id) ON UPDATE CASCADE ON DELETE CASCADE,
    type_id             TEXT   NOT NULL REFERENCES entity_type (id),
    parent_id           TEXT   REFERENCES entity (id),
    name                TEXT   NOT NULL,
    name_key            TEXT   NOT NULL,
    client_id           TEXT   NOT NULL,
    client_key          TEXT   NOT NULL,
    client_secret       TEXT   NOT NULL,
    data                TEXT   NOT NULL,
    version             BIGINT NOT NULL,
    insert_instant      BIGINT NOT NULL,
    last_update_instant BIGINT NOT NULL,
    UNIQUE (client_key, tenant_id)
);

CREATE INDEX entity_tenant ON entity (tenant_id, insert_instant, id);
CREATE INDEX entity_insert_instant ON entity (insert_instant, id);
CREATE INDEX entity_name ON entity (name_key);
CREATE INDEX entity_type_of ON entity (type_id);
CREATE INDEX entity_parent ON entity (parent_id) WHERE parent_id IS NOT NULL;

-- Who may do something with an entity: a user, or another entity. It goes with any of the three.
CREATE TABLE entity_grant (
    id                  TEXT   NOT NULL PRIMARY KEY,
    entity_id           TEXT   NOT NULL REFERENCES entity (id) ON DELETE CASCADE,
    user_id             TEXT   REFERENCES users (id) ON DELETE CASCADE,
    recipient_entity_id TEXT   REFERENCES entity (id) ON DELETE CASCADE,
    data                TEXT   NOT NULL,
    version             BIGINT NOT NULL,
    insert_instant      BIGINT NOT NULL,
    last_update_instant BIGINT NOT NULL,
    CHECK ((user_id IS NULL) <> (recipient_entity_id IS NULL))
);

CREATE UNIQUE INDEX entity_grant_user ON entity_grant (user_id, entity_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX entity_grant_recipient ON entity_grant (recipient_entity_id, entity_id) WHERE recipient_entity_id IS NOT NULL;
CREATE INDEX entity_grant_entity ON entity_grant (entity_id, insert_instant, id);
CREATE INDEX entity_grant_insert_instant ON entity_grant (insert_instant, id);

-- What they may do. Rows and not names in the grant, so that a permission that is renamed or deleted is so in all grants.
CREATE TABLE entity_grant_permission (
    grant_id      TEXT NOT NULL REFERENCES entity_grant (id) ON DELETE CASCADE,
    permission_id TEXT NOT NULL REFERENCES entity_permission (id) ON DELETE CASCADE,
    PRIMARY KEY (grant_id, permission_id)
);

CREATE INDEX entity_grant_permission_permission ON entity_grant_permission (permission_id);
