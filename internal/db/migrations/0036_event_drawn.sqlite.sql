-- +goose Up

-- One transaction writes at a time: what it draws is there when the next one begins, or was never drawn.
SELECT 1;
