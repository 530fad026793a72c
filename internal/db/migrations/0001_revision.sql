-- +goose Up
-- One counter per topic of cached values (db.Cache). PostgreSQL only counts here; with SQLite the one process counts in memory.
CREATE TABLE revision (
    topic  TEXT   NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);
