package crash

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

// job is a command that works on a whole store, with all it needs. A test kills it.
type job struct {
	args, env []string
	folders   []string // in which nothing may be left over, once the command was run to its end
	// whole fails the test unless everything is as it was before the command, or as it is after it, and tells which.
	whole func(t *testing.T) (after bool)
	// again is what the command says when it is run after it has come to its end; "" when it comes to it once more.
	again string
}

// jobs are the kinds of them, and the named points at which they are killed, with CRASH_ROUNDS at more of them. A number behind a point is how often it is passed before.
var jobs = []struct {
	name         string
	points, more []string
	make         func(t *testing.T) job
}{
	{"backup of SQLite", []string{"part-begun", "part-filled", "part-published"}, nil, func(t *testing.T) job { return backUp(t, db.SQLite) }},
	{
		"backup of PostgreSQL",
		[]string{"copy-table 30", "copy-committing"},
		[]string{"part-begun", "copy-table 1", "copy-committed", "part-filled", "part-published"},
		func(t *testing.T) job { return backUp(t, db.PostgreSQL) },
	},
	{"restore to SQLite", []string{"part-begun", "part-filled", "part-published"}, nil, func(t *testing.T) job { return restore(t, db.SQLite) }},
	{
		"restore to PostgreSQL",
		[]string{"part-begun", "copy-committing", "copy-committed"},
		[]string{"migrating 3", "copy-table 1", "copy-table 30"},
		func(t *testing.T) job { return restore(t, db.PostgreSQL) },
	},
	{
		"copy to SQLite",
		[]string{"copy-table 30", "part-published"},
		[]string{"part-begun", "migrating 3", "copy-table 1", "copy-committing", "copy-committed", "part-filled"},
		func(t *testing.T) job { return copyTo(t, db.SQLite) },
	},
	{
		"copy to PostgreSQL",
		[]string{"copy-table 30", "copy-committed"},
		[]string{"migrating", "migrating 3", "copy-table 1", "copy-committing"},
		func(t *testing.T) job { return copyTo(t, db.PostgreSQL) },
	},
	{"migration of SQLite", []string{"migrating", "migrating 3", "migrating 19"}, nil, func(t *testing.T) job { return migrate(t, db.SQLite) }},
	{"migration of PostgreSQL", []string{"migrating 3"}, []string{"migrating", "migrating 19"}, func(t *testing.T) job { return migrate(t, db.PostgreSQL) }},
	{
		"new key file",
		[]string{"key-written", "key-made", "rekey-both", "rekey-step", "rekey-all", "rekey-own", "rekey-kept", "rekey-replaced"},
		[]string{"rekey-step 1"},
		func(t *testing.T) job { return rekey(t, db.SQLite) },
	},
	{
		"new key on PostgreSQL",
		[]string{"rekey-step"},
		[]string{"rekey-both", "rekey-step 1", "rekey-all", "rekey-own"},
		func(t *testing.T) job { return rekey(t, db.PostgreSQL) },
	},
}

// TestKill_Commands kills each command that works on a whole store at each of its named points.
func TestKill_Commands(t *testing.T) {
	t.Parallel()
	for _, kind := range jobs {
		points := kind.points
		if os.Getenv("CRASH_ROUNDS") != "" {
			points = slices.Concat(points, kind.more)
		}
		for _, point := range points {
			t.Run(kind.name+" "+point, func(t *testing.T) {
				t.Parallel()
				j := kind.make(t)
				name, after, _ := strings.Cut(point, " ")
				killed, said := j.run(t, 0, "HERALD_CRASH_AT="+name, "HERALD_CRASH_AFTER="+after)
				if !killed {
					t.Fatalf("the command came through: the point was not reached\n%s", said)
				}
				j.check(t)
			})
		}
	}
}

// TestStorm_Commands kills them at random instants, where there is time for it.
func TestStorm_Commands(t *testing.T) {
	if os.Getenv("CRASH_ROUNDS") == "" {
		t.Skip("make crash does this")
	}
	total := rounds(t)
	for _, kind := range jobs {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			kind.make(t).run(t, 0)
			length := time.Since(began)
			for range max(1, total/6) {
				j := kind.make(t)
				j.run(t, 1+mathrand.N(length))
				j.check(t)
			}
		})
	}
}

// run runs the command until it has killed itself, or is killed after a while, and tells whether it was.
func (j job) run(t *testing.T, kill time.Duration, env ...string) (killed bool, said string) {
	t.Helper()
	var b bytes.Buffer
	c := exec.Command(binary, j.args...)
	c.Env = slices.Concat(os.Environ(), j.env, env)
	c.Stdout, c.Stderr = &b, &b
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: group}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	limit := patience
	if kill > 0 {
		limit = kill
	}
	timer := time.AfterFunc(limit, func() { _ = c.Process.Kill() })
	defer timer.Stop()
	err := c.Wait()
	exit := &exec.ExitError{}
	if errors.As(err, &exit) {
		status, ok := exit.Sys().(syscall.WaitStatus)
		if ok && status.Signal() == syscall.SIGKILL && (kill > 0 || timer.Stop()) { // and not because it does not end
			return true, b.String()
		}
		t.Fatalf("the command failed: %v\n%s", err, b.String())
	}
	if err != nil {
		t.Fatal(err)
	}
	return false, b.String()
}

// check looks at what a kill has left, and runs the command again.
func (j job) check(t *testing.T) {
	t.Helper()
	after := j.whole(t)
	c := exec.Command(binary, j.args...)
	c.Env = append(os.Environ(), j.env...)
	said, err := c.CombinedOutput()
	switch {
	case after && j.again != "":
		if err == nil || !strings.Contains(string(said), j.again) {
			t.Errorf("after it had come to its end the command said (%v): %s", err, said)
		}
	case err != nil:
		t.Fatalf("the command does not go on: %v\n%s", err, said)
	default:
		for _, folder := range j.folders {
			nothingLeft(t, folder)
		}
	}
	if !j.whole(t) {
		t.Error("the command has not come to its end")
	}
}

// nothingLeft makes sure that no file is in a folder that somebody makes before it gets its name.
func nothingLeft(t *testing.T, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			t.Errorf("%s is left", filepath.Join(folder, entry.Name()))
		}
	}
}

// full is a store with rows in every table, but for that of the servers that are running.
func full(t *testing.T, engine db.Engine) db.Options {
	o := dbtest.Options(t, engine)
	dbtest.Fill(t, o)
	pool := dbtest.Raw(t, o)
	defer pool.Close()
	if _, err := pool.Exec(`DELETE FROM node`); err != nil {
		t.Fatal(err)
	}
	return o
}

// bare is a place where no store is yet.
func bare(t *testing.T, engine db.Engine) db.Options {
	if engine == db.PostgreSQL {
		return db.Options{URL: dbtest.Bare(t)}
	}
	return db.Options{Dir: filepath.Join(t.TempDir(), "data")}
}

// env names a store to a command.
func env(o db.Options) []string {
	return []string{"HERALD_DATA=" + o.Dir, "HERALD_DATABASE_URL=" + o.URL}
}

// holds tells whether a store holds the rows, all of them, or nothing.
func holds(t *testing.T, o db.Options, want map[string][]string) bool {
	t.Helper()
	if _, err := os.Stat(filepath.Join(o.Dir, db.SQLiteFile)); o.URL == "" && errors.Is(err, fs.ErrNotExist) {
		return false
	}
	got := dbtest.Alike(t, o)
	any := false
	for _, rows := range got {
		any = any || len(rows) > 0
	}
	if any {
		dbtest.Differ(t, "afterwards", want, got)
	}
	return any
}

func backUp(t *testing.T, engine db.Engine) job {
	from := full(t, engine)
	want := dbtest.Alike(t, from)
	folder := t.TempDir()
	file := filepath.Join(folder, "herald.backup")
	return job{
		args: []string{"db", "backup", file}, env: env(from), folders: []string{folder}, again: "exists already",
		whole: func(t *testing.T) bool {
			t.Helper()
			dbtest.Differ(t, "the store that is backed up", want, dbtest.Alike(t, from))
			text, err := os.ReadFile(file)
			if errors.Is(err, fs.ErrNotExist) {
				return false
			}
			looked := db.Options{Dir: t.TempDir()}
			if err == nil {
				err = os.WriteFile(filepath.Join(looked.Dir, db.SQLiteFile), text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			return holds(t, looked, want)
		},
	}
}

// restore restores the backup of an older Herald.
func restore(t *testing.T, engine db.Engine) job {
	folder, to := t.TempDir(), bare(t, engine)
	from := dbtest.Older(t, db.SQLite, 30)
	file := filepath.Join(folder, "herald.backup")
	if out, err := exec.Command(binary, "db", "backup", file, "--data", from.Dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := dbtest.Alike(t, from)
	j := job{
		args: []string{"db", "restore", file}, env: append(env(to), "TMPDIR="+folder), folders: []string{folder}, again: "holds a store already",
		whole: func(t *testing.T) bool { t.Helper(); return holds(t, to, want) },
	}
	if to.Dir != "" {
		j.folders = append(j.folders, to.Dir)
	}
	return j
}

func copyTo(t *testing.T, engine db.Engine) job {
	source := db.SQLite
	if engine == db.SQLite {
		source = db.PostgreSQL
	}
	from, to := full(t, source), bare(t, engine)
	want := dbtest.Alike(t, from)
	j := job{
		args: []string{"db", "copy", "--to=sqlite:" + to.Dir}, env: env(from), folders: []string{to.Dir}, again: "holds a store already",
		whole: func(t *testing.T) bool {
			t.Helper()
			dbtest.Differ(t, "the store that is copied", want, dbtest.Alike(t, from))
			return holds(t, to, want)
		},
	}
	if engine == db.PostgreSQL {
		j.args, j.env, j.folders = []string{"db", "copy", "--from=sqlite:" + from.Dir}, env(to), []string{from.Dir}
	}
	return j
}

// migrate brings the store of an older Herald up to date. Between two migrations it is at a version of its own: whole is what goes on from there.
func migrate(t *testing.T, engine db.Engine) job {
	const version = 16
	from, control := dbtest.Older(t, engine, version), dbtest.Older(t, engine, version)
	want := dbtest.Alike(t, control)
	return job{
		args: []string{"db", "migrate"}, env: env(from),
		whole: func(t *testing.T) bool {
			t.Helper()
			pool := dbtest.Raw(t, from)
			defer pool.Close()
			var now int64
			if err := pool.QueryRow(`SELECT MAX(version_id) FROM ` + db.VersionTable).Scan(&now); err != nil {
				t.Fatal(err)
			}
			if now < version || now > db.Version() {
				t.Errorf("the store has version %d", now)
			}
			if now < db.Version() {
				return false
			}
			return holds(t, from, want)
		},
	}
}

var sealedBy = regexp.MustCompile(`\bv1\.([0-9a-f]{8})\.`)

// rekey changes the key of a store with a secret in it: on SQLite the one in the data folder, on PostgreSQL that in the environment.
func rekey(t *testing.T, engine db.Engine) job {
	store := db.Options{}
	if engine == db.PostgreSQL {
		store.URL = dbtest.URL(t)
	}
	w := newWorld(t, store)
	before, after := strings.TrimPrefix(w.env[0], "HERALD_ENCRYPTION_KEY="), make([]byte, 32)
	_, _ = rand.Read(after)
	reading := []string{"HERALD_ENCRYPTION_KEY=" + hex.EncodeToString(after), "HERALD_ENCRYPTION_KEY_PREVIOUS=" + before}
	j := job{args: []string{"db", "rekey"}}
	file := filepath.Join(w.store.Dir, "herald.key")
	if engine == db.SQLite {
		w.env = w.env[1:]
		j.env, j.folders = env(w.store), []string{w.store.Dir}
	} else {
		j.env = append(env(w.store), reading...)
	}
	const secret = "pl4nted-for-the-change-of-a-key"
	p := w.begin()
	p.must("POST", "/api/webhook", map[string]any{"webhook": map[string]any{"url": "http://127.0.0.1:1/", "global": true, "connectTimeout": 1000, "readTimeout": 1000, "headers": map[string]any{"X-Secret": secret}}})
	p.stop()
	if engine == db.PostgreSQL {
		w.env = append(w.env[1:], reading...)
	}
	names := func(t *testing.T) []string {
		t.Helper()
		var all []string
		for _, rows := range dbtest.Alike(t, w.store) {
			for _, match := range sealedBy.FindAllStringSubmatch(strings.Join(rows, "\n"), -1) {
				all = append(all, match[1])
			}
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	w.store.Clock = nil
	first, _ := os.ReadFile(file)
	old := names(t)
	if len(old) != 1 {
		t.Fatalf("sealed with %v before", old)
	}
	j.whole = func(t *testing.T) bool {
		t.Helper()
		now := names(t)
		_, err := os.Stat(file + ".next")
		if engine == db.SQLite {
			if _, err := os.Stat(file); err != nil {
				t.Errorf("there is no key: %v", err)
			}
			keys, _ := filepath.Glob(file + "*")
			kept := false
			for _, name := range keys {
				text, _ := os.ReadFile(name)
				kept = kept || bytes.Equal(text, first)
			}
			if !kept {
				t.Errorf("none of %v is the first key, which backups need", keys)
			}
		}
		p := w.start()
		if text := p.must("GET", "/api/webhook", nil); !bytes.Contains(text, []byte(secret)) {
			t.Errorf("the secret is gone: %s", text)
		}
		p.stop()
		// Nothing is there in clear that was not before.
		_ = filepath.WalkDir(w.store.Dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("the secret stands in %s", path)
			}
			return err
		})
		return len(now) == 1 && now[0] != old[0] && err != nil
	}
	return j
}
