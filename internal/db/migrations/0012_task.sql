-- +goose Up

-- What is done with many deliveries: sent again, cancelled, recovered. document says with which of them (JSON), and total how many, NULL until they
-- are counted. A running task is carried by the process that claimed_by names, until lease_instant; that process moves it with each step.
-- step_instant is when the next step may be taken, waits_for what it waits for instead.
CREATE TABLE task (
    id                  TEXT   NOT NULL PRIMARY KEY,
    kind                TEXT   NOT NULL CHECK (kind = 'replay' OR kind = 'cancel' OR kind = 'recover'),
    state               TEXT   NOT NULL CHECK (state = 'running' OR state = 'paused' OR state = 'done' OR state = 'cancelled' OR state = 'failed'),
    document            TEXT   NOT NULL,
    total               BIGINT,
    done                BIGINT NOT NULL,
    skipped             BIGINT NOT NULL,
    waits_for           TEXT   NOT NULL,
    error               TEXT   NOT NULL,
    claimed_by          TEXT,
    lease_instant       BIGINT NOT NULL,
    step_instant        BIGINT NOT NULL,
    insert_instant      BIGINT NOT NULL,
    last_update_instant BIGINT NOT NULL,
    finish_instant      BIGINT NOT NULL
);

-- A task goes through each webhook's deliveries in the order of their events, and through those of several webhooks in turns, so that one whose
-- receiver is slow does not hold up the others. position is the sequence up to which a webhook's are done.
CREATE TABLE task_part (
    task_id    TEXT    NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    webhook_id TEXT    NOT NULL,
    position   BIGINT  NOT NULL,
    finished   BOOLEAN NOT NULL,
    PRIMARY KEY (task_id, webhook_id)
);

-- What has failed is listed and sent again in the order of events, of one webhook or of all. What is delivered never comes near these.
CREATE INDEX delivery_failed ON delivery (webhook_id, event_sequence, state) WHERE state IN ('dead', 'cancelled');
CREATE INDEX delivery_failed_all ON delivery (event_sequence, webhook_id, state) WHERE state IN ('dead', 'cancelled');
