-- +goose Up

-- The passwords that a user had before, hashed as that of users is, where a tenant remembers them.
CREATE TABLE password_history (
    user_id         TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    instant         BIGINT NOT NULL,
    password_scheme TEXT   NOT NULL,
    password_hash   TEXT   NOT NULL,
    PRIMARY KEY (user_id, instant)
);
