-- +goose Up

-- The place in a trace, as a W3C traceparent, of the request that caused an event; NULL where nothing was traced.
ALTER TABLE event ADD COLUMN trace TEXT;
