-- +goose Up

-- A transaction has its id before it draws the sequence of an event. Whoever reads events in order then knows when an empty place stays empty: once the transactions
-- have ended whose ids were given out before the event behind it was seen.
-- +goose StatementBegin
CREATE FUNCTION transaction_before_sequence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_current_xact_id();
    RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER event_transaction BEFORE INSERT ON event FOR EACH STATEMENT EXECUTE FUNCTION transaction_before_sequence();
