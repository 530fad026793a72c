package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

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

type dbStatusCommand struct {
	config.Store `embed:""`

	Output string `short:"o" enum:"table,json" default:"table" help:"Print a table or JSON (default: ${default})."`
}

func (dbStatusCommand) Help() string {
	return `Examples:

  herald db status
  herald db status --data /var/lib/herald -o json`
}

func (c dbStatusCommand) Run(ctx context.Context, out *output) error {
	s, err := backup.Inspect(ctx, place(c.Store))
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return json.NewEncoder(out).Encode(s)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "store\t%s\n", c.Database())
	switch {
	case s.Version == s.Newest:
		fmt.Fprintf(w, "schema\t%d, up to date\n", s.Version)
	case s.Version > s.Newest:
		fmt.Fprintf(w, "schema\t%d, of a newer Herald (this program knows up to %d)\n", s.Version, s.Newest)
	default:
		fmt.Fprintf(w, "schema\t%d, to be brought to %d by the next start or by herald db migrate\n", s.Version, s.Newest)
	}
	fmt.Fprintf(w, "size\t%.1f MB\nservers\t%d running\ndeliveries\t%d owed, %d given up\n", float64(s.Bytes)/1e6, s.Servers, s.Owed, s.Dead)
	for _, name := range slices.Sorted(maps.Keys(s.Rows)) {
		fmt.Fprintf(w, "%s\t%d rows\n", name, s.Rows[name])
	}
	return w.Flush()
}

type dbMigrateCommand struct {
	config.Store `embed:""`
}

func (dbMigrateCommand) Help() string {
	return `Examples:

  herald db migrate`
}

func (c dbMigrateCommand) Run(ctx context.Context, out *output) error {
	version, err := app.Migrate(ctx, c.Store, logger(config.Log{Format: "text"}, out.talk))
	if err == nil {
		_, err = fmt.Fprintf(out, "%s has version %d of the schema.\n", c.Database(), version)
	}
	return err
}

type dbBackupCommand struct {
	config.Store `embed:""`

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
	bar := newProgress(out.talk)
	done, err := backup.Backup(ctx, place(c.Store), c.File, bar.told)
	bar.end()
	if err != nil {
		return err
	}
	fmt.Fprintf(out.talk, "%d rows of %d tables of %s, as they were in one instant.\n"+
		"Without the encryption key (%s) the secrets in it cannot be read: keep a copy of that elsewhere.\n", done.Rows, done.Tables, c.Database(), keyOf(c.Store))
	_, err = fmt.Fprintln(out, c.File)
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
	config.Store `embed:""`

	File string `arg:"" help:"The backup."`
}

func (dbRestoreCommand) Help() string {
	return `Examples:

  herald db restore herald.backup --data /var/lib/herald`
}

func (c dbRestoreCommand) Run(ctx context.Context, out *output) error {
	bar := newProgress(out.talk)
	done, err := backup.Restore(ctx, c.File, place(c.Store), bar.told)
	bar.end()
	if err != nil {
		return err
	}
	fmt.Fprintf(out.talk, "%d rows of %d tables are in %s.\n%s", done.Rows, done.Tables, c.Database(), bringKey(c.Store))
	return nil
}

// bringKey reminds of what a server needs beside a store that came from elsewhere.
func bringKey(s config.Store) string {
	if s.EncryptionKey.IsSet() {
		return ""
	}
	if _, err := os.Stat(keyOf(s)); err == nil {
		return ""
	}
	return fmt.Sprintf("The encryption key does not come along: before you start a server, put the key file of the old store there as %s, or set HERALD_ENCRYPTION_KEY.\n", keyOf(s))
}

type dbCopyCommand struct {
	config.Store `embed:""`

	From string `help:"What to copy: sqlite:FOLDER or a postgres:// address (default: the store of the settings)." placeholder:"STORE"`
	To   string `help:"Where to: the same forms. Addresses with a password are better given as $HERALD_DATABASE_URL than here, where others can read them (default: the store of the settings)." placeholder:"STORE"`
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
	bar := newProgress(out.talk)
	done, err := backup.Copy(ctx, from, to, bar.told)
	bar.end()
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(out.talk, "Interrupted: nothing was kept. Run the command again to begin anew.")
	}
	if err != nil {
		return err
	}
	after := config.Store{Data: to.Dir, DatabaseURL: config.NewSecret(to.URL), EncryptionKey: c.EncryptionKey}
	if to.Dir == "" {
		after.Data = c.Data
	}
	fmt.Fprintf(out.talk, "%d rows of %d tables, compared on both sides, are in %s. The old store is as it was; start no server on it any more.\n%s",
		done.Rows, done.Tables, after.Database(), bringKey(after))
	return nil
}

func (c dbCopyCommand) sides() (from, to backup.Store, err error) {
	if c.From == "" && c.To == "" {
		return from, to, errors.New("say with --from or --to what the other store is: sqlite:FOLDER or a postgres:// address")
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
	return backup.Store{}, fmt.Errorf("--%s: must be sqlite:FOLDER or a postgres:// address", flag)
}

type dbRekeyCommand struct {
	config.Store `embed:""`
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
	bar := newProgress(out.talk)
	done, err := app.Rekey(ctx, c.Store, func(place string, done int64) { bar.told(place, done, done) })
	bar.end()
	if err != nil {
		if errors.Is(err, context.Canceled) {
			fmt.Fprintln(out.talk, "Interrupted: servers need both keys until the same command has ended the change.")
		}
		return err
	}
	for _, place := range done.Unreadable {
		fmt.Fprintf(out.talk, "No key opens %s: it stays as it is.\n", place)
	}
	_, err = fmt.Fprintf(out, "%d secrets of %s are encrypted with the new key.\n", done.Changed, c.Database())
	if c.EncryptionKey.IsSet() {
		fmt.Fprintln(out.talk, "Start servers without HERALD_ENCRYPTION_KEY_PREVIOUS from now on. Backups from before need the previous key.")
	} else {
		fmt.Fprintf(out.talk, "The new key is %s. Backups from before need the previous one, %s.previous: keep it with them, and not here.\n", keyOf(c.Store), keyOf(c.Store))
	}
	return err
}

type dbPruneCommand struct {
	config.Store `embed:""`

	Days int `help:"Keep only so many days of the webhook log and the message log, this once (default: what the system's settings say)." placeholder:"N"`
}

func (dbPruneCommand) Help() string {
	return `Examples:

  herald db prune`
}

func (c dbPruneCommand) Run(ctx context.Context, out *output) error {
	if c.Days < 0 {
		return errors.New("--days: must be at least 1")
	}
	before, err := backup.Inspect(ctx, place(c.Store))
	if err != nil {
		return err
	}
	if err := app.Prune(ctx, c.Store, c.Days); err != nil {
		return err
	}
	after, err := backup.Inspect(ctx, place(c.Store))
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(before.Rows)) {
		if removed := before.Rows[name] - after.Rows[name]; removed > 0 {
			fmt.Fprintf(out, "%s: %d removed, %d left\n", name, removed, after.Rows[name])
		}
	}
	fmt.Fprintf(out.talk, "%s: %.1f MB, was %.1f MB.\n", c.Database(), float64(after.Bytes)/1e6, float64(before.Bytes)/1e6)
	return nil
}

// progress shows how far something is: on a terminal as a bar, once it has taken a second; elsewhere as a line now and then.
type progress struct {
	w        io.Writer
	terminal bool
	shown    time.Time
	table    string
	bar      *progressbar.ProgressBar
}

// A line every so often where there is no terminal.
const lineEvery = 10 * time.Second

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, shown: time.Now()}
	if f, ok := w.(*os.File); ok {
		p.terminal = term.IsTerminal(int(f.Fd()))
	}
	return p
}

func (p *progress) told(table string, done, total int64) {
	if !p.terminal {
		if time.Since(p.shown) >= lineEvery {
			fmt.Fprintf(p.w, "%s: %d of %d\n", table, done, total)
			p.shown = time.Now()
		}
		return
	}
	if p.bar == nil && time.Since(p.shown) < time.Second {
		return
	}
	if p.table != table || p.bar == nil {
		p.end()
		p.table = table
		p.bar = progressbar.NewOptions64(max(total, 1), progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(table), progressbar.OptionSetWidth(20),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionOnCompletion(func() { fmt.Fprintln(p.w) }))
	}
	_ = p.bar.Set64(done)
}

// end leaves the line of the bar.
func (p *progress) end() {
	if p.bar != nil && !p.bar.IsFinished() {
		_ = p.bar.Exit()
		fmt.Fprintln(p.w)
	}
}
