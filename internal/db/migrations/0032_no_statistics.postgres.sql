-- +goose Up

-- PostgreSQL keeps its statistics up to date; SQLite gets rid of what it has.
SELECT 1;
