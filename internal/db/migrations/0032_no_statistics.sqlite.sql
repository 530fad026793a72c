-- +goose Up

-- Statistics were taken whenever the server stopped. Those of a small store made it read whole tables when it had grown; nothing takes them any more.
DROP TABLE IF EXISTS sqlite_stat1;
DROP TABLE IF EXISTS sqlite_stat4;
