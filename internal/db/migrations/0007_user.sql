-- +goose Up

-- document is the user as the API shows it; the columns beside it are what is filtered, ordered, constrained or changed on its own, and
-- they win over the document. Texts for finding and ordering are in lower case, NULL when the user has none. password_hash is the whole
-- of what it takes to check the password, in the form of password_scheme.
CREATE TABLE users (
    id                  TEXT    NOT NULL PRIMARY KEY,
    tenant_id           TEXT    NOT NULL REFERENCES tenant (id) ON UPDATE CASCADE,
    active              BOOLEAN NOT NULL,
    email               TEXT,
    username            TEXT,
    phone_number        TEXT,
    first_name          TEXT,
    last_name           TEXT,
    full_name           TEXT,
    birth_date          TEXT,
    document            TEXT    NOT NULL,
    password_scheme     TEXT,
    password_hash       TEXT,
    version             BIGINT  NOT NULL,
    last_login_instant  BIGINT,
    insert_instant      BIGINT  NOT NULL,
    last_update_instant BIGINT  NOT NULL
);

CREATE INDEX users_tenant ON users (tenant_id, insert_instant, id);

-- Partial, so that users without a name cost nothing.
CREATE INDEX users_first_name ON users (first_name) WHERE first_name IS NOT NULL;
CREATE INDEX users_last_name ON users (last_name) WHERE last_name IS NOT NULL;
CREATE INDEX users_full_name ON users (full_name) WHERE full_name IS NOT NULL;

-- What users log in with; the primary key is what makes it unique. value is in lower case. The rows of a user are found by what the
-- user's own row says, so that creating one need not maintain another index.
CREATE TABLE login_id (
    tenant_id TEXT NOT NULL,
    type      TEXT NOT NULL CHECK (type = 'email' OR type = 'phoneNumber' OR type = 'username'),
    value     TEXT NOT NULL,
    user_id   TEXT NOT NULL,
    PRIMARY KEY (tenant_id, type, value)
);
