-- +goose Up

-- Configuration that is kept for clients and not acted on: themes, forms, lambdas and more, told apart by kind. An object belongs to the whole
-- installation, or to a tenant, an application or a user, with whom it goes. parent is another kept object, without which it means nothing.
--
-- document is the object as the client sent it, without what the server sets; it is sealed where objects of the kind hold credentials. name_key
-- is the name in lower case, unique_key what no two objects of the kind may share (NULL where names may repeat), searched what a search looks
-- for beside the name, in lower case.
CREATE TABLE kept (
    kind                TEXT   NOT NULL,
    id                  TEXT   NOT NULL,
    tenant_id           TEXT   REFERENCES tenant (id) ON UPDATE CASCADE ON DELETE CASCADE,
    application_id      TEXT   REFERENCES application (id) ON DELETE CASCADE,
    user_id             TEXT   REFERENCES users (id) ON DELETE CASCADE,
    parent_kind         TEXT,
    parent_id           TEXT,
    name_key            TEXT   NOT NULL,
    unique_key          TEXT,
    type                TEXT   NOT NULL,
    searched            TEXT   NOT NULL,
    document            TEXT   NOT NULL,
    version             BIGINT NOT NULL,
    insert_instant      BIGINT NOT NULL,
    last_update_instant BIGINT NOT NULL,
    PRIMARY KEY (kind, id),
    UNIQUE (kind, unique_key),
    FOREIGN KEY (parent_kind, parent_id) REFERENCES kept (kind, id) ON DELETE CASCADE
);

CREATE INDEX kept_tenant ON kept (tenant_id) WHERE tenant_id IS NOT NULL;
CREATE INDEX kept_application ON kept (application_id) WHERE application_id IS NOT NULL;
CREATE INDEX kept_user ON kept (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX kept_parent ON kept (parent_kind, parent_id) WHERE parent_id IS NOT NULL;

-- A family is its members: it begins with the first and ends with the last.
CREATE TABLE family_member (
    family_id           TEXT    NOT NULL,
    user_id             TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    tenant_id           TEXT    NOT NULL REFERENCES tenant (id) ON UPDATE CASCADE ON DELETE CASCADE,
    role                TEXT    NOT NULL,
    owner               BOOLEAN NOT NULL,
    data                TEXT    NOT NULL,
    insert_instant      BIGINT  NOT NULL,
    last_update_instant BIGINT  NOT NULL,
    PRIMARY KEY (family_id, user_id)
);

CREATE INDEX family_member_user ON family_member (user_id);
CREATE INDEX family_member_tenant ON family_member (tenant_id);

-- Which accounts at identity providers (kept objects, too) are those of which users. An account is one user's per tenant. token is sealed.
CREATE TABLE identity_provider_link (
    provider_kind         TEXT   NOT NULL,
    identity_provider_id  TEXT   NOT NULL,
    tenant_id             TEXT   NOT NULL REFERENCES tenant (id) ON UPDATE CASCADE ON DELETE CASCADE,
    provider_user_id      TEXT   NOT NULL,
    user_id               TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    display_name          TEXT   NOT NULL,
    data                  TEXT   NOT NULL,
    token                 TEXT   NOT NULL,
    insert_instant        BIGINT NOT NULL,
    PRIMARY KEY (identity_provider_id, tenant_id, provider_user_id),
    FOREIGN KEY (provider_kind, identity_provider_id) REFERENCES kept (kind, id) ON DELETE CASCADE
);

CREATE INDEX identity_provider_link_user ON identity_provider_link (user_id);
CREATE INDEX identity_provider_link_tenant ON identity_provider_link (tenant_id);
