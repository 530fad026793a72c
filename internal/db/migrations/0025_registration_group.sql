-- +goose Up

-- What users may use. document is the registration as the API shows it, without what has a column or a table of its own. token (sealed) stands for
-- the password where the application allows that.
CREATE TABLE registration (
    user_id            TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    application_id     TEXT   NOT NULL REFERENCES application (id) ON DELETE CASCADE,
    document           TEXT   NOT NULL,
    token              TEXT,
    version            BIGINT NOT NULL,
    last_login_instant BIGINT,
    PRIMARY KEY (user_id, application_id)
);

CREATE INDEX registration_application ON registration (application_id);

CREATE TABLE registration_role (
    user_id        TEXT NOT NULL,
    application_id TEXT NOT NULL,
    role_id        TEXT NOT NULL REFERENCES application_role (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, application_id, role_id),
    FOREIGN KEY (user_id, application_id) REFERENCES registration (user_id, application_id) ON DELETE CASCADE
);

CREATE INDEX registration_role_role ON registration_role (role_id);

-- name_key is the name in the form that must be unique. roster counts how often the list of members was replaced.
CREATE TABLE user_group (
    id                  TEXT   NOT NULL PRIMARY KEY,
    tenant_id           TEXT   NOT NULL REFERENCES tenant (id) ON UPDATE CASCADE ON DELETE CASCADE,
    name                TEXT   NOT NULL,
    name_key            TEXT   NOT NULL,
    data                TEXT   NOT NULL,
    version             BIGINT NOT NULL,
    roster              BIGINT NOT NULL,
    insert_instant      BIGINT NOT NULL,
    last_update_instant BIGINT NOT NULL,
    UNIQUE (tenant_id, name_key)
);

CREATE TABLE group_role (
    group_id TEXT NOT NULL REFERENCES user_group (id) ON DELETE CASCADE,
    role_id  TEXT NOT NULL REFERENCES application_role (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, role_id)
);

CREATE INDEX group_role_role ON group_role (role_id);

CREATE TABLE group_member (
    id             TEXT   NOT NULL PRIMARY KEY,
    group_id       TEXT   NOT NULL REFERENCES user_group (id) ON DELETE CASCADE,
    user_id        TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    data           TEXT   NOT NULL,
    insert_instant BIGINT NOT NULL,
    UNIQUE (group_id, user_id)
);

CREATE INDEX group_member_group ON group_member (group_id, insert_instant, id);
CREATE INDEX group_member_user ON group_member (user_id);
