package db

import (
	"database/sql"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// Engine names the database that keeps the store. It is spelled as in the configuration.
type Engine string

const (
	SQLite     Engine = "sqlite"
	PostgreSQL Engine = "postgres"
)

// ErrNoRows is what scanning a row returns when the query found none.
var ErrNoRows = sql.ErrNoRows

// ForUpdateSkipLocked is appended to the SELECT that claims rows for one of several Herald processes. SQLite has one
// process and one writer, so there is nothing to lock and nothing to append.
func (tx *Tx) ForUpdateSkipLocked() string {
	if tx.d.engine == PostgreSQL {
		return " FOR UPDATE SKIP LOCKED"
	}
	return ""
}

// SQLite's extended result codes and PostgreSQL's SQLSTATEs that mean the same.
const (
	sqliteForeignKey = 787
	sqlitePrimaryKey = 1555
	sqliteUnique     = 2067

	postgresForeignKey = "23503"
	postgresUnique     = "23505"
	postgresSerialize  = "40001"
	postgresDeadlock   = "40P01"
)

// IsDuplicate reports whether err is a violated PRIMARY KEY or UNIQUE constraint.
//
// On PostgreSQL the failed statement has also aborted its transaction: nothing but returning from the function given to
// [DB.Update] works afterwards, unless the statement ran in a [Tx.Savepoint]. ON CONFLICT avoids the failure altogether.
func IsDuplicate(err error) bool {
	return hasCode(err, postgresUnique, sqlitePrimaryKey, sqliteUnique)
}

// IsForeignKey reports whether err is a violated foreign key: the row referred to does not exist, or is still referred to.
func IsForeignKey(err error) bool {
	return hasCode(err, postgresForeignKey, sqliteForeignKey)
}

// IsRetryable reports whether err ended a transaction only because of what others did at the same time (a deadlock, a
// failed serialization on PostgreSQL). [DB.Update] has then already tried again; the caller may answer "unavailable".
func IsRetryable(err error) bool {
	return hasCode(err, postgresSerialize) || hasCode(err, postgresDeadlock)
}

func hasCode(err error, state string, codes ...int) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == state
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return slices.Contains(codes, e.Code())
	}
	return false
}
