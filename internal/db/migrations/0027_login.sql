-- +goose Up

-- One row per login. document is where it came from, as far as that is known.
CREATE TABLE login_record (
    id             TEXT   NOT NULL PRIMARY KEY,
    tenant_id      TEXT   NOT NULL,
    user_id        TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    application_id TEXT,
    instant        BIGINT NOT NULL,
    ip_address     TEXT   NOT NULL,
    login_id       TEXT   NOT NULL,
    login_id_type  TEXT   NOT NULL,
    latitude       DOUBLE PRECISION,
    longitude      DOUBLE PRECISION,
    document       TEXT   NOT NULL
);

CREATE INDEX login_record_user ON login_record (user_id, instant, id);
CREATE INDEX login_record_instant ON login_record (instant, id);

-- What a user has logged in with: fingerprint is a hash of what is known of the device.
CREATE TABLE login_device (
    user_id       TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    fingerprint   TEXT   NOT NULL,
    first_instant BIGINT NOT NULL,
    last_instant  BIGINT NOT NULL,
    PRIMARY KEY (user_id, fingerprint)
);

-- How often a user has failed to log in since the last success, and when last.
CREATE TABLE login_failure (
    user_id      TEXT   NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    failures     BIGINT NOT NULL,
    last_instant BIGINT NOT NULL
);
