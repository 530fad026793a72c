-- +goose Up

-- document holds the members that are no secret, secrets (sealed) the rest: password, token, header values, PEM certificate. name_key is the name
-- in lower case, for comparing and ordering.
CREATE TABLE messenger (
    id                  TEXT   NOT NULL PRIMARY KEY,
    name                TEXT   NOT NULL,
    name_key            TEXT   NOT NULL UNIQUE,
    document            TEXT   NOT NULL,
    secrets             TEXT   NOT NULL,
    version             BIGINT NOT NULL,
    insert_instant      BIGINT NOT NULL,
    last_update_instant BIGINT NOT NULL
);
