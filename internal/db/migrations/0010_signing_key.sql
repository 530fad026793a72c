-- +goose Up

-- Keys that sign, certificates, plain secrets. document holds what may be shown and has no column of its own; sealed the private key or the
-- secret, '' when there is none. name_key is the name in lower case, which must be unique. expiration_instant 0 is never.
CREATE TABLE signing_key (
    id                  TEXT   NOT NULL PRIMARY KEY,
    name                TEXT   NOT NULL,
    name_key            TEXT   NOT NULL UNIQUE,
    kid                 TEXT   NOT NULL UNIQUE,
    algorithm           TEXT   NOT NULL,
    type                TEXT   NOT NULL,
    expiration_instant  BIGINT NOT NULL,
    document            TEXT   NOT NULL,
    sealed              TEXT   NOT NULL,
    version             BIGINT NOT NULL,
    insert_instant      BIGINT NOT NULL,
    last_update_instant BIGINT NOT NULL
);

-- Which webhook uses which key, to sign or as its certificate. The reference is what keeps a key from being deleted while a webhook that
-- wants it is being stored.
CREATE TABLE webhook_key (
    webhook_id TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    key_id     TEXT NOT NULL REFERENCES signing_key (id),
    PRIMARY KEY (webhook_id, key_id)
);

CREATE INDEX webhook_key_key ON webhook_key (key_id);
