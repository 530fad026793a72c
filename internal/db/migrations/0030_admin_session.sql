-- +goose Up

-- Browsers in which administrators have signed in. hash is of what the cookie holds; confirm_instant is when the password was given last.
CREATE TABLE admin_session (
    hash            TEXT   NOT NULL PRIMARY KEY,
    user_id         TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    insert_instant  BIGINT NOT NULL,
    last_instant    BIGINT NOT NULL,
    confirm_instant BIGINT NOT NULL
);

CREATE INDEX admin_session_user ON admin_session (user_id);
