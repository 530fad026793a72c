-- +goose Up

-- What can be done to users. document is the object without what has a column. name_key is the name in lower case.
CREATE TABLE user_action (
    id                  TEXT    NOT NULL PRIMARY KEY,
    name                TEXT    NOT NULL,
    name_key            TEXT    NOT NULL UNIQUE,
    active              BOOLEAN NOT NULL,
    temporal            BOOLEAN NOT NULL,
    prevent_login       BOOLEAN NOT NULL,
    document            TEXT    NOT NULL,
    version             BIGINT  NOT NULL,
    insert_instant      BIGINT  NOT NULL,
    last_update_instant BIGINT  NOT NULL
);

CREATE TABLE user_action_reason (
    id                  TEXT   NOT NULL PRIMARY KEY,
    code                TEXT   NOT NULL,
    code_key            TEXT   NOT NULL UNIQUE,
    text                TEXT   NOT NULL,
    text_key            TEXT   NOT NULL UNIQUE,
    document            TEXT   NOT NULL,
    version             BIGINT NOT NULL,
    insert_instant      BIGINT NOT NULL,
    last_update_instant BIGINT NOT NULL
);

-- What was done to users. The columns beside the document are what is found by or changed on its own, and they win over it. actioner_id is NULL
-- where the server acted by itself, and names nobody any more when that user is gone. expire_instant is NULL for an action that does not last for a
-- time. open: it lasts for a time, was not cancelled, and nobody has seen to its end yet.
CREATE TABLE user_action_log (
    id             TEXT    NOT NULL PRIMARY KEY,
    user_id        TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    user_action_id TEXT    NOT NULL REFERENCES user_action (id),
    actioner_id    TEXT,
    document       TEXT    NOT NULL,
    expire_instant BIGINT,
    open           BOOLEAN NOT NULL,
    end_event_sent BOOLEAN NOT NULL,
    version        BIGINT  NOT NULL,
    insert_instant BIGINT  NOT NULL
);

CREATE INDEX user_action_log_user ON user_action_log (user_id, insert_instant);
CREATE INDEX user_action_log_action ON user_action_log (user_action_id);
CREATE INDEX user_action_log_due ON user_action_log (expire_instant, id) WHERE open;
