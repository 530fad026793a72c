-- +goose Up

-- For searches in all tenants, the oldest users first.
CREATE INDEX users_insert_instant ON users (insert_instant, id);
