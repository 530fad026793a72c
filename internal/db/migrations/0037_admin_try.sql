-- +goose Up

-- How often somebody tried to sign in to the admin UI since start_instant. hash is of the name that was given and the address that it came from, whether or not
-- there is such an administrator.
CREATE TABLE admin_try (
    hash          TEXT   NOT NULL PRIMARY KEY,
    start_instant BIGINT NOT NULL,
    used          BIGINT NOT NULL
);

CREATE INDEX admin_try_start ON admin_try (start_instant);

DELETE FROM rate_limit WHERE kind LIKE 'admin %' AND kind <> 'admin again';
