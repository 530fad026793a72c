-- +goose Up

-- What went to and fro, counted: one row per webhook, span of time (60 seconds or 3,600) and result. instant is the beginning of the span. webhook_id is
-- empty in the sums over all webhooks, and in what belongs to none. Rows outlive their webhook, which is why there is no foreign key.
--
-- d00 … d35 are a histogram of how long it took: how many took at most 0.5 ms, 0.71 ms, 1 ms and so on, each bound √2 times the one before, the last without one.
CREATE TABLE traffic (
    webhook_id TEXT   NOT NULL,
    span       BIGINT NOT NULL,
    instant    BIGINT NOT NULL,
    result     TEXT   NOT NULL,
    count      BIGINT NOT NULL,
    d00 BIGINT NOT NULL, d01 BIGINT NOT NULL, d02 BIGINT NOT NULL, d03 BIGINT NOT NULL, d04 BIGINT NOT NULL, d05 BIGINT NOT NULL,
    d06 BIGINT NOT NULL, d07 BIGINT NOT NULL, d08 BIGINT NOT NULL, d09 BIGINT NOT NULL, d10 BIGINT NOT NULL, d11 BIGINT NOT NULL,
    d12 BIGINT NOT NULL, d13 BIGINT NOT NULL, d14 BIGINT NOT NULL, d15 BIGINT NOT NULL, d16 BIGINT NOT NULL, d17 BIGINT NOT NULL,
    d18 BIGINT NOT NULL, d19 BIGINT NOT NULL, d20 BIGINT NOT NULL, d21 BIGINT NOT NULL, d22 BIGINT NOT NULL, d23 BIGINT NOT NULL,
    d24 BIGINT NOT NULL, d25 BIGINT NOT NULL, d26 BIGINT NOT NULL, d27 BIGINT NOT NULL, d28 BIGINT NOT NULL, d29 BIGINT NOT NULL,
    d30 BIGINT NOT NULL, d31 BIGINT NOT NULL, d32 BIGINT NOT NULL, d33 BIGINT NOT NULL, d34 BIGINT NOT NULL, d35 BIGINT NOT NULL,
    PRIMARY KEY (webhook_id, span, instant, result)
);

-- For a look at all webhooks, and for removing what is old.
CREATE INDEX traffic_instant ON traffic (span, instant);
