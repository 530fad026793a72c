-- +goose Up

-- The texts that people get: message templates (kind 'message') and e-mail templates (kind 'email'). document is the object without what has a
-- column. name_key is the name in lower case, unique among templates of a kind.
CREATE TABLE template (
    kind                TEXT   NOT NULL,
    id                  TEXT   NOT NULL,
    name                TEXT   NOT NULL,
    name_key            TEXT   NOT NULL,
    document            TEXT   NOT NULL,
    version             BIGINT NOT NULL,
    insert_instant      BIGINT NOT NULL,
    last_update_instant BIGINT NOT NULL,
    PRIMARY KEY (kind, id),
    UNIQUE (kind, name_key)
);

-- The templates that were stored by the server itself, each once. It stays when the template goes, so that none comes back.
CREATE TABLE template_default (
    kind TEXT NOT NULL,
    id   TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);
