-- +goose Up

-- Ids and codes that are worth something for a short while, and once: a two-factor challenge, a code that was sent, a trusted computer, the
-- right to choose a new password. hash is the SHA-256 of kind and id: who reads this table cannot use what is in it. content (JSON, sealed)
-- is what goes with the id, such as the code. wrong counts the wrong tries.
CREATE TABLE ticket (
    hash           TEXT   NOT NULL PRIMARY KEY,
    kind           TEXT   NOT NULL,
    user_id        TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    content        TEXT   NOT NULL,
    wrong          BIGINT NOT NULL,
    insert_instant BIGINT NOT NULL,
    expire_instant BIGINT NOT NULL
);

CREATE INDEX ticket_user ON ticket (user_id, kind);
CREATE INDEX ticket_expire ON ticket (expire_instant);

-- The secrets of authenticators (sealed), and the number of the last time step whose code was taken, so that no code is taken twice. What may
-- be shown of a second factor stands in the document of its user.
CREATE TABLE two_factor_secret (
    user_id      TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    method_id    TEXT   NOT NULL,
    secret       TEXT   NOT NULL,
    last_counter BIGINT NOT NULL,
    PRIMARY KEY (user_id, method_id)
);

-- The recovery codes that are left: a JSON list of their hashes, sealed.
CREATE TABLE two_factor_recovery (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    codes   TEXT NOT NULL
);

-- How often a user did something since start_instant.
CREATE TABLE rate_limit (
    user_id       TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind          TEXT   NOT NULL,
    start_instant BIGINT NOT NULL,
    used          BIGINT NOT NULL,
    PRIMARY KEY (user_id, kind)
);
