// Package traffic counts what went to and fro, by the minute and by the hour, so that a chart reads a few hundred rows and never counts a million.
//
//	traffic.go      what is told by those who do the work, and kept in memory
//	histogram.go    durations, and percentiles from them; no input or output
//	flush.go        every few seconds the sums are added to those in the store; what is old is removed
//	read.go         series for charts
//	traffic_sql.go  its queries
//
// Telling costs a lock that is held for some nanoseconds. Nobody who tells waits for the store: when it takes nothing, the sums wait in memory for
// the next time, up to mostKept. They are statistics and no record: a process that is killed takes those of its last few seconds ([Options].Every) with it, and
// where the database's answer to a commit is lost they may be added twice. The webhook log has every attempt.
//
// # Why a histogram is 36 columns
//
// Several processes count the same minute, and each only knows its own part. Additions to columns (d07 = d07 + …) are merged by the database,
// in one statement per row and in any order. A histogram packed into a text would have to be read, locked and written back; one row per bucket
// would be five to ten times as many rows; rows of each process for itself would be as many more as there were processes and restarts. A column that is 0 is one byte on SQLite.
//
// Sums over all webhooks are rows of their own, because the overview asks for nothing else, however many webhooks there are.
package traffic
