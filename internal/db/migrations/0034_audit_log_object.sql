-- +goose Up

-- What an entry of the audit log is about, as "webhook 0a1b…", where Herald itself wrote it; so that the history of one object is found in a log of any size.
ALTER TABLE audit_log ADD COLUMN object TEXT;

CREATE INDEX audit_log_object ON audit_log (object, insert_instant, id) WHERE object IS NOT NULL;
