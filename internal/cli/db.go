package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/backup"
	"github.com/herald-events/herald/internal/config"
)

// dbCommands work on the store itself, without a server.
type dbCommands struct {
	Status  dbStatusCommand  `cmd:"" help:"Say what is in the store. Servers may be running."`
	Migrate dbMigrateCommand `cmd:"" help:"Bring the store up to date, as a server does when it starts."`
	Backup  dbBackupCommand  `cmd:"" help:"Write the store to a file. Servers may be running."`
	Restore dbRestoreCommand `cmd:"" help:"Fill an empty store from a backup."`
	Copy    dbCopyCommand    `cmd:"" help:"Move a store from SQLite to PostgreSQL, or back. Servers have to be stopped."`
	Rekey   dbRekeyCommand   `cmd:"" help:"Encrypt the secrets in the store with another key."`
	Prune   dbPruneCommand   `cmd:"" help:"Remove from the logs what is older than the settings want, now."`
}

// place is the store of the settings.
func place(s config.Store) backup.Store {
	if s.DatabaseURL.IsSet() {
		return backup.Store{URL: s.DatabaseURL.Reveal()}
	}
	return backup.Store{Dir: s.Data}
}

// offline are the flags of a command that works on a store without a server, and whose result is an object.
type offline struct {
	config.Store `embed:""`
	printed
}

// rehearsed is the flag of such a command that changes something.
type rehearsed struct {
	DryRun bool `group:"Output:" help:"Say what would be done, and do nothing."`
}

// done is what became of a command on a store, as JSON shows it.
type done struct {
	Store  string           `json:"store"`
	Did    string           `json:"did"` // for people
	DryRun bool             `json:"dryRun,omitzero"`
	File   string           `json:"file,omitzero"`
	Tables int              `json:"tables,omitzero"`
	Rows   int64            `json:"rows,omitzero"`
	Schema int64            `json:"schema,omitzero"`
	Counts map[string]int64 `json:"counts,omitzero"` // by table
}

// tell writes the outcome: a sentence, unless something else was asked for with -o.
func (c offline) tell(out *output, d done) error {
	d.Store = cmp.Or(d.Store, c.Database())
	if s := c.session(out); s.chosen {
		return s.answer(d, func() { fmt.Fprintln(s, d.Did) })
	}
	_, err := fmt.Fprintln(out, d.Did)
	return err
}

// would writes what a command would do.
func (c offline) would(out *output, d done) error {
	d.DryRun, d.Did = true, "would "+d.Did
	return c.tell(out, d)
}

type dbStatusCommand struct{ offline }

func (dbStatusCommand) Help() string {
	return `Examples:

  herald db status
  herald db status --data /var/lib/herald -o json`
}

func (c dbStatusCommand) Run(ctx context.Context, out *output) error {
	st, err := backup.Inspect(ctx, place(c.Store))
	if err != nil {
		return err
	}
	s := c.session(out)
	return s.answer(st, func() {
		schema := fmt.Sprintf("%d, to be brought to %d by the next start or by herald db migrate", st.Version, st.Newest)
		switch {
		case st.Version == st.Newest:
			schema = fmt.Sprintf("%d, up to date", st.Version)
		case st.Version > st.Newest:
			schema = fmt.Sprintf("%d, of a newer Herald (this program knows up to %d)", st.Version, st.Newest)
		}
		pairs := []string{
			"store", c.Database(), "schema", schema, "size", megabytes(st.Bytes), "servers", fmt.Sprintf("%d running", st.Servers),
			"deliveries", fmt.Sprintf("%d owed, %d given up", st.Owed, st.Dead),
		}
		for _, name := range slices.Sorted(maps.Keys(st.Rows)) {
			pairs = append(pairs, name, fmt.Sprintf("%d rows", st.Rows[name]))
		}
		s.fields(pairs...)
	})
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

type dbMigrateCommand struct {
	offline
	rehearsed
}

func (dbMigrateCommand) Help() string {
	return `Examples:

  herald db migrate
  herald db migrate --dry-run`
}

func (c dbMigrateCommand) Run(ctx context.Context, out *output) error {
	if c.DryRun {
		st, err := backup.Inspect(ctx, place(c.Store))
		if errors.Is(err, fs.ErrNotExist) {
			return c.would(out, done{Did: "make " + c.Database()})
		}
		if err != nil {
			return err
		}
		return c.would(out, done{Did: fmt.Sprintf("bring %s from version %d of the schema to %d", c.Database(), st.Version, max(st.Newest, st.Version)), Schema: st.Version})
	}
	version, err := app.Migrate(ctx, c.Store, logger(config.Log{Format: "text"}, out.talk))
	if err != nil {
		return err
	}
	return c.tell(out, done{Did: fmt.Sprintf("%s has version %d of the schema.", c.Database(), version), Schema: version})
}

type dbBackupCommand struct {
	offline
	rehearsed

	File string `arg:"" optional:"" help:"The file to write; it must not exist (default: herald-DATE-TIME.backup)." placeholder:"FILE"`
}

func (dbBackupCommand) Help() string {
	return `Examples:

  herald db backup
  herald db backup /backups/herald.backup --data /var/lib/herald`
}

func (c dbBackupCommand) Run(ctx context.Context, out *output) error {
	if c.File == "" {
		c.File = time.Now().Format("herald-2006-01-02-150405.backup")
	}
	if c.DryRun {
		st, err := backup.Inspect(ctx, place(c.Store))
		if err != nil {
			return err
		}
		return c.would(out, done{Did: fmt.Sprintf("write %s, %s, to %s", c.Database(), megabytes(st.Bytes), c.File), File: c.File, Counts: st.Rows})
	}
	bar := newProgress(out.talk)
	sum, err := backup.Backup(ctx, place(c.Store), c.File, bar.told)
	bar.end()
	if err != nil {
		return againFromTheStart(out, err)
	}
	out.say("%d rows of %d tables of %s, as they were in one instant.", sum.Rows, sum.Tables, c.Database())
	out.say("Without the encryption key (%s) the secrets in it cannot be read: keep a copy of that elsewhere.", keyOf(c.Store))
	return c.tell(out, done{Did: c.File, File: c.File, Tables: sum.Tables, Rows: sum.Rows})
}

// againFromTheStart says how to go on with what was interrupted and has kept nothing.
func againFromTheStart(out *output, err error) error {
	if errors.Is(err, context.Canceled) {
		out.say("Interrupted: nothing was kept. Run the command again to begin anew.")
	}
	return err
}

// keyOf says where the key of a store is.
func keyOf(s config.Store) string {
	if s.EncryptionKey.IsSet() {
		return "HERALD_ENCRYPTION_KEY"
	}
	return filepath.Join(s.Data, "herald.key")
}

type dbRestoreCommand struct {
	offline
	rehearsed

	File string `arg:"" help:"The backup."`
}

func (dbRestoreCommand) Help() string {
	return `Examples:

  herald db restore herald.backup --data /var/lib/herald
  herald db restore herald.backup --data /var/lib/herald --dry-run`
}

func (c dbRestoreCommand) Run(ctx context.Context, out *output) error {
	if c.DryRun {
		if err := backup.Check(ctx, c.File, place(c.Store)); err != nil {
			return err
		}
		return c.would(out, done{Did: fmt.Sprintf("fill %s from %s, which is sound", c.Database(), c.File), File: c.File})
	}
	bar := newProgress(out.talk)
	sum, err := backup.Restore(ctx, c.File, place(c.Store), bar.told)
	bar.end()
	if err != nil {
		return againFromTheStart(out, err)
	}
	if hint := bringKey(c.Store); hint != "" {
		out.say("%s", hint)
	}
	return c.tell(out, done{Did: fmt.Sprintf("%d rows of %d tables are in %s.", sum.Rows, sum.Tables, c.Database()), File: c.File, Tables: sum.Tables, Rows: sum.Rows})
}

// bringKey reminds of what a server needs beside a store that came from elsewhere.
func bringKey(s config.Store) string {
	if s.EncryptionKey.IsSet() {
		return ""
	}
	if _, err := os.Stat(keyOf(s)); err == nil {
		return ""
	}
	return fmt.Sprintf("The encryption key does not come along: before you start a server, put the key file of the old store there as %s, or set HERALD_ENCRYPTION_KEY.", keyOf(s))
}

type dbCopyCommand struct {
	offline
	rehearsed

	From string `help:"What to copy: sqlite:FOLDER or a postgres:// address (default: the store of the settings)." placeholder:"STORE"`
	To   string `help:"Where to: the same forms. Addresses with a password are better given as $$HERALD_DATABASE_URL than here, where others can read them (default: the store of the settings)." placeholder:"STORE"`
}

func (dbCopyCommand) Help() string {
	return `Examples:

  HERALD_DATABASE_URL=postgres://… herald db copy --from sqlite:./herald-data`
}

func (c dbCopyCommand) Run(ctx context.Context, out *output) error {
	from, to, err := c.sides()
	if err != nil {
		return err
	}
	after := c.settings(to)
	if c.DryRun {
		st, err := backup.Inspect(ctx, from)
		if err != nil {
			return err
		}
		return c.would(out, done{
			Store: after.Database(), Did: fmt.Sprintf("copy %s, %s, to %s", c.settings(from).Database(), megabytes(st.Bytes), after.Database()), Counts: st.Rows,
		})
	}
	bar := newProgress(out.talk)
	sum, err := backup.Copy(ctx, from, to, bar.told)
	bar.end()
	if err != nil {
		return againFromTheStart(out, err)
	}
	out.say("The old store is as it was; start no server on it any more.")
	if hint := bringKey(after); hint != "" {
		out.say("%s", hint)
	}
	return c.tell(out, done{
		Store: after.Database(), Did: fmt.Sprintf("%d rows of %d tables, compared on both sides, are in %s.", sum.Rows, sum.Tables, after.Database()), Tables: sum.Tables, Rows: sum.Rows,
	})
}

// settings are those of a server on that store.
func (c dbCopyCommand) settings(at backup.Store) config.Store {
	return config.Store{Data: cmp.Or(at.Dir, c.Data), DatabaseURL: config.NewSecret(at.URL), EncryptionKey: c.EncryptionKey}
}

func (c dbCopyCommand) sides() (from, to backup.Store, err error) {
	if c.From == "" && c.To == "" {
		return from, to, usageError{"say with --from or --to what the other store is: sqlite:FOLDER or a postgres:// address"}
	}
	if from, err = side("from", c.From, c.Store); err == nil {
		to, err = side("to", c.To, c.Store)
	}
	return from, to, err
}

func side(flag, given string, settings config.Store) (backup.Store, error) {
	dir, isSQLite := strings.CutPrefix(given, "sqlite:")
	switch {
	case given == "":
		return place(settings), nil
	case isSQLite:
		if filepath.Base(dir) == "herald.db" {
			dir = filepath.Dir(dir)
		}
		return backup.Store{Dir: dir}, nil
	case strings.HasPrefix(given, "postgres://"), strings.HasPrefix(given, "postgresql://"):
		return backup.Store{URL: given}, nil
	}
	return backup.Store{}, usageError{fmt.Sprintf("--%s: must be sqlite:FOLDER or a postgres:// address", flag)}
}

type dbRekeyCommand struct {
	offline
	rehearsed
}

func (dbRekeyCommand) Help() string {
	return "Without HERALD_ENCRYPTION_KEY a new key takes the place of the one in the data folder; no server may be running then. " +
		"With it, the secrets are encrypted with that key, and HERALD_ENCRYPTION_KEY_PREVIOUS is the one they are encrypted with now; servers on PostgreSQL go on if they have both. " +
		"An interrupted change is carried on by the same command.\n\n" +
		"Examples:\n\n" +
		"  herald db rekey\n" +
		"  HERALD_ENCRYPTION_KEY_FILE=new.key HERALD_ENCRYPTION_KEY_PREVIOUS_FILE=./herald-data/herald.key herald db rekey"
}

func (c dbRekeyCommand) Run(ctx context.Context, out *output) error {
	if c.DryRun {
		if _, err := backup.Inspect(ctx, place(c.Store)); err != nil {
			return err
		}
		with := "a new key in the place of " + keyOf(c.Store)
		if c.EncryptionKey.IsSet() {
			with = "the key in HERALD_ENCRYPTION_KEY"
		}
		return c.would(out, done{Did: fmt.Sprintf("encrypt the secrets of %s with %s", c.Database(), with)})
	}
	bar := newProgress(out.talk)
	sum, err := app.Rekey(ctx, c.Store, func(place string, done int64) { bar.told(place, done, done) })
	bar.end()
	if err != nil {
		if errors.Is(err, context.Canceled) {
			out.say("Interrupted: servers need both keys until the same command has ended the change.")
		}
		return err
	}
	for _, place := range sum.Unreadable {
		out.say("No key opens %s: it stays as it is.", place)
	}
	if c.EncryptionKey.IsSet() {
		out.say("Start servers without HERALD_ENCRYPTION_KEY_PREVIOUS from now on. Backups from before need the previous key.")
	} else {
		out.say("The new key is %s. Backups from before need the previous one, %s.previous: keep it with them, and not here.", keyOf(c.Store), keyOf(c.Store))
	}
	return c.tell(out, done{Did: fmt.Sprintf("%d secrets of %s are encrypted with the new key.", sum.Changed, c.Database()), Rows: int64(sum.Changed)})
}

type dbPruneCommand struct {
	offline
	rehearsed

	Days int `help:"Keep only so many days of the webhook log and the message log, this once (default: what the system's settings say)." placeholder:"N"`
}

func (dbPruneCommand) Help() string {
	return `Servers on SQLite have to be stopped.

Examples:

  herald db prune --dry-run
  herald db prune --days 7`
}

func (c dbPruneCommand) Run(ctx context.Context, out *output) error {
	if c.Days < 0 {
		return usageError{"--days: must be at least 1"}
	}
	before, err := backup.Inspect(ctx, place(c.Store))
	if err != nil {
		return err
	}
	if c.DryRun {
		if before.Version != before.Newest {
			return fmt.Errorf("%s has version %d of the schema and this program has %d: first herald db migrate", c.Database(), before.Version, before.Newest)
		}
		rows, err := app.Prunable(ctx, c.Store, c.Days)
		if err != nil {
			return err
		}
		return c.would(out, done{Did: "remove " + rowsOf(rows), Counts: rows})
	}
	if err := app.Prune(ctx, c.Store, c.Days); err != nil {
		return err
	}
	after, err := backup.Inspect(ctx, place(c.Store))
	if err != nil {
		return err
	}
	removed := map[string]int64{}
	for name := range before.Rows {
		removed[name] = max(0, before.Rows[name]-after.Rows[name]) // others may write
	}
	out.say("%s: %s, was %s.", c.Database(), megabytes(after.Bytes), megabytes(before.Bytes))
	return c.tell(out, done{Did: "removed " + rowsOf(removed), Counts: removed})
}

// rowsOf says how many rows of which tables.
func rowsOf(tables map[string]int64) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		if n := tables[name]; n > 0 {
			all = append(all, fmt.Sprintf("%s %s", grouped(int(n)), name))
		}
	}
	if all == nil {
		return "nothing"
	}
	return strings.Join(all, ", ")
}
