-- +goose Up

-- Who listens over the API just now: temporary webhooks, each bound to a connection that one process holds. seen_instant is the last sign of life of the program at its
-- other end; a row without one for a while means nothing, and is removed by whoever comes across it. document is the listener as the API shows it.
CREATE TABLE listener (
    id             TEXT    NOT NULL PRIMARY KEY,
    node           TEXT    NOT NULL,
    key_id         TEXT    NOT NULL,
    transactional  BOOLEAN NOT NULL,
    document       TEXT    NOT NULL,
    insert_instant BIGINT  NOT NULL,
    seen_instant   BIGINT  NOT NULL
);

-- What processes on one database hand each other for listeners: the question of one that another one holds the connection for, and answers that came in elsewhere than where
-- they are waited for. A question has the sequence of its event, is taken by the process that puts it to the listener, and is over within seconds.
CREATE TABLE listener_exchange (
    id             TEXT    NOT NULL PRIMARY KEY,
    listener_id    TEXT    NOT NULL,
    event_sequence BIGINT,
    timeout        BIGINT  NOT NULL,
    taken          BOOLEAN NOT NULL,
    answer         TEXT,
    insert_instant BIGINT  NOT NULL
);
