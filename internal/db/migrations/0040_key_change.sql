-- +goose Up

-- key_check of instance may be two texts with a blank between them while secrets are being encrypted with another key: who works on the store then needs both.
-- recipient_key (sealed) is what the hashes of recipients in the message log are made with; it outlasts the key that secrets are encrypted with.
ALTER TABLE instance ADD COLUMN recipient_key TEXT NOT NULL DEFAULT '';

-- The names of the keys that a process can open secrets with, with blanks between them.
ALTER TABLE node ADD COLUMN keys TEXT NOT NULL DEFAULT '';
