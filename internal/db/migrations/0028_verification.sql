-- +goose Up

-- The table of tickets, made anew: those that prove an address before there is a user with it have no user_id.
CREATE TABLE ticket_anew (
    hash           TEXT   NOT NULL PRIMARY KEY,
    kind           TEXT   NOT NULL,
    user_id        TEXT   REFERENCES users (id) ON DELETE CASCADE,
    content        TEXT   NOT NULL,
    wrong          BIGINT NOT NULL,
    insert_instant BIGINT NOT NULL,
    expire_instant BIGINT NOT NULL
);

INSERT INTO ticket_anew (hash, kind, user_id, content, wrong, insert_instant, expire_instant)
    SELECT hash, kind, user_id, content, wrong, insert_instant, expire_instant FROM ticket;

DROP TABLE ticket;

ALTER TABLE ticket_anew RENAME TO ticket;

CREATE INDEX ticket_user ON ticket (user_id, kind);
CREATE INDEX ticket_expire ON ticket (expire_instant);
