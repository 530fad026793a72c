-- +goose Up

-- What was sent to people: two-factor codes, links to choose a password. Neither text nor code is here, and of the recipient only enough to recognize
-- it; recipient_hash (keyed) finds and counts equal ones. attempts is JSON. A row is written before the first attempt, as 'sending', and closed after
-- the last; node is the process that does it. counted says that the message counts towards the limits: it reached somebody, or may have.
-- The ids of tenant, user, application and template are no references: the record outlives them.
CREATE TABLE message (
    id                  TEXT    NOT NULL PRIMARY KEY,
    tenant_id           TEXT,
    application_id      TEXT,
    user_id             TEXT,
    kind                TEXT    NOT NULL CHECK (kind = 'SMS' OR kind = 'Voice' OR kind = 'Email'),
    purpose             TEXT    NOT NULL,
    recipient           TEXT    NOT NULL,
    recipient_hash      TEXT    NOT NULL,
    template_id         TEXT,
    template_name       TEXT    NOT NULL,
    locale              TEXT    NOT NULL,
    locale_reason       TEXT    NOT NULL,
    state               TEXT    NOT NULL CHECK (state = 'sending' OR state = 'sent' OR state = 'failed' OR state = 'unknown' OR state = 'limited'),
    counted             BOOLEAN NOT NULL,
    failure             TEXT    NOT NULL,
    attempts            TEXT    NOT NULL,
    node                TEXT    NOT NULL,
    insert_instant      BIGINT  NOT NULL,
    last_update_instant BIGINT  NOT NULL
);

CREATE INDEX message_insert_instant ON message (insert_instant, id);
CREATE INDEX message_recipient ON message (recipient_hash, insert_instant, id);
CREATE INDEX message_user ON message (user_id, insert_instant) WHERE user_id IS NOT NULL;

-- For the limits of a tenant and of a recipient. Between two indexes of equal cost, as on an empty table, PostgreSQL takes the newer one, and keeps to it for a
-- while: that of the recipient, or it would read all messages of the tenant.
CREATE INDEX message_counted ON message (tenant_id, insert_instant) WHERE counted = TRUE;
CREATE INDEX message_counted_recipient ON message (recipient_hash, tenant_id, insert_instant) WHERE counted = TRUE;
CREATE INDEX message_limited ON message (tenant_id, insert_instant) WHERE state = 'limited';

-- What a process that died has left.
CREATE INDEX message_sending ON message (insert_instant) WHERE state = 'sending';

-- Who counts and then writes has locked the row of its tenant, so that two at once cannot both find one place left. counted is how many messages of the
-- tenant count that are younger than counted_since; when that is 0 nobody knows how many. reported_instant is when the event log last told that a
-- limit was reached.
CREATE TABLE message_gate (
    tenant_id        TEXT   NOT NULL PRIMARY KEY,
    counted          BIGINT NOT NULL,
    counted_since    BIGINT NOT NULL,
    reported_instant BIGINT NOT NULL
);
