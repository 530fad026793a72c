-- +goose Up

-- hash is the SHA-256 of what the client holds: who reads this table cannot use what is in it. document is what callers wrote about the device. A
-- token without an application is one of the user's own.
CREATE TABLE refresh_token (
    id             TEXT   NOT NULL PRIMARY KEY,
    hash           TEXT   NOT NULL UNIQUE,
    user_id        TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    application_id TEXT   REFERENCES application (id) ON DELETE CASCADE,
    document       TEXT   NOT NULL,
    start_instant  BIGINT NOT NULL,
    insert_instant BIGINT NOT NULL,
    expire_instant BIGINT NOT NULL
);

CREATE INDEX refresh_token_user ON refresh_token (user_id, application_id);
CREATE INDEX refresh_token_application ON refresh_token (application_id, expire_instant);
CREATE INDEX refresh_token_expire ON refresh_token (expire_instant);

-- The values that one-time tokens had before. Until its grace is over such a value is still taken; after that its use is a theft.
CREATE TABLE refresh_token_used (
    hash          TEXT   NOT NULL PRIMARY KEY,
    token_id      TEXT   NOT NULL REFERENCES refresh_token (id) ON DELETE CASCADE,
    grace_instant BIGINT NOT NULL
);

CREATE INDEX refresh_token_used_token ON refresh_token_used (token_id);
