-- +goose Up

-- Up to which sequence committed events have been removed, so that those who read events in order are told when some that they have not read are gone. No row
-- before there are any, then one.
CREATE TABLE event_removed (
    one      BIGINT NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL
);

INSERT INTO event_removed (one, sequence) SELECT 1, MIN(sequence) - 1 FROM event HAVING MIN(sequence) > 1;
