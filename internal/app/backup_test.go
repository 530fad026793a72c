package app_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/backup"
	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// TestBackup fills a store with all that can be in one, backs it up while it is worked on, brings it to both engines, moves it to the other one, and starts servers
// there: everything is there, and what was owed arrives.
func TestBackup(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			s := &secretStory{vault: newVault(t, engine, quickRetries)}
			s.keys()
			s.webhooks()
			s.tenantAndUser()
			s.clients()
			s.messengers()
			s.secondFactors()
			s.logins()
			m := &move{Server: s.Server, t: t, engine: engine}
			m.owe()
			m.backUpAndRestore()
			m.copy()
		})
	}
}

// move is a store that is brought elsewhere.
type move struct {
	*apptest.Server

	t        *testing.T
	engine   db.Engine
	receiver *egresstest.Receiver
	webhook  wire.ID
	owed     int
}

func other(engine db.Engine) db.Engine {
	if engine == db.SQLite {
		return db.PostgreSQL
	}
	return db.SQLite
}

// owe leaves deliveries to be made: their receiver is paused.
func (m *move) owe() {
	m.receiver = egresstest.NewReceiver(m.t)
	m.webhook = m.Subscribe(m.receiver.URL, []string{"user.create.complete"})
	m.Call("POST", "/api/delivery/webhook/"+string(m.webhook)+"/pause", object{"reason": "moving house"}).Want(200)
	m.newUser()
}

func (m *move) newUser() {
	m.Call("POST", "/api/user", object{"user": object{"email": fmt.Sprintf("owed%d@example.com", m.owed), "password": "correct horse"}}).Want(200)
	m.owed++
}

// at is where the store of a server is.
func at(s *apptest.Server) (place backup.Store) {
	o := s.Options()
	if url := o.Settings.DatabaseURL.Reveal(); url != "" {
		return backup.Store{URL: url}
	}
	return backup.Store{Dir: o.Settings.Data}
}

// empty is an empty place.
func empty(t *testing.T, engine db.Engine) backup.Store {
	if engine == db.PostgreSQL {
		return backup.Store{URL: dbtest.URL(t)}
	}
	return backup.Store{Dir: t.TempDir()}
}

func silent(string, int64, int64) {}

func (m *move) backUpAndRestore() {
	// Somebody works on while the backup is made, and the backup does not keep them from it.
	writing, ended := make(chan struct{}), make(chan struct{})
	ctx, stop := context.WithCancel(m.t.Context())
	go func() {
		defer close(ended)
		for i := 0; i == 0 || ctx.Err() == nil; i++ {
			m.newUser()
			if i == 0 {
				close(writing)
			}
		}
	}()
	<-writing
	file := filepath.Join(m.t.TempDir(), "herald.backup")
	done, err := backup.Backup(m.t.Context(), at(m.Server), file, silent)
	stop()
	<-ended
	if err != nil {
		m.t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		m.t.Errorf("the backup has mode %v, %v", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 1 {
		m.t.Errorf("the backup left %v", left)
	}
	if _, err := backup.Backup(m.t.Context(), at(m.Server), file, silent); err == nil || !strings.Contains(err.Error(), "exists already") {
		m.t.Errorf("a second backup to the same file: %v", err)
	}
	status, err := backup.Inspect(m.t.Context(), at(m.Server))
	if err != nil || status.Servers != 1 || status.Owed < int64(m.owed) || status.Version != db.Version() || status.Rows["users"] < int64(m.owed) {
		m.t.Errorf("status %+v, %v", status, err)
	}
	if _, err := backup.Restore(m.t.Context(), file, at(m.Server), silent); err == nil {
		m.t.Error("a backup was restored over a running server")
	}

	var first map[string][]string
	for _, engine := range dbtest.Engines() {
		to := empty(m.t, engine)
		restored, err := backup.Restore(m.t.Context(), file, to, silent)
		if err != nil {
			m.t.Fatalf("restore to %s: %v", engine, err)
		}
		if restored.Rows > done.Rows || restored.Rows < done.Rows-10 { // the tables of migrations and living processes do not count everywhere
			m.t.Errorf("%d rows were backed up, %d restored to %s", done.Rows, restored.Rows, engine)
		}
		if _, err := backup.Restore(m.t.Context(), file, to, silent); err == nil || !strings.Contains(err.Error(), "holds a store already") {
			m.t.Errorf("a second restore to %s: %v", engine, err)
		}
		rows := m.rowsAt(to)
		if first != nil {
			differ(m.t, "restored to both engines", first, rows)
		}
		first = rows
		m.carriesOn(to, len(rows["users"]))
	}
}

// copy moves the store to the other engine once its server has stopped.
func (m *move) copy() {
	to := empty(m.t, other(m.engine))
	if _, err := backup.Copy(m.t.Context(), at(m.Server), to, silent); err == nil {
		m.t.Error("a store was moved that a server is using")
	}
	m.Stop()
	before := m.rowsAt(at(m.Server))
	told := map[string]int64{}
	done, err := backup.Copy(m.t.Context(), at(m.Server), to, func(table string, done, _ int64) { told[table] = done })
	if err != nil {
		m.t.Fatal(err)
	}
	after := m.rowsAt(to)
	differ(m.t, "copied", before, after)
	rows := int64(0)
	for table, lines := range after {
		rows += int64(len(lines))
		if told[table] != int64(len(lines)) {
			m.t.Errorf("table %s has %d rows and %d were announced", table, len(lines), told[table])
		}
	}
	if rows != done.Rows {
		m.t.Errorf("%d rows are there, %d were reported", rows, done.Rows)
	}
	m.carriesOn(to, m.owed)
}

func (m *move) rowsAt(place backup.Store) map[string][]string {
	m.t.Helper()
	return dbtest.Alike(m.t, db.Options{Dir: place.Dir, URL: place.URL})
}

func differ(t *testing.T, what string, one, two map[string][]string) {
	t.Helper()
	if filled := dbtest.Differ(t, what, one, two); filled < 25 {
		t.Errorf("%s: only %d tables have rows", what, filled)
	}
}

// carriesOn starts a server on a store that came from elsewhere, and waits for what is owed to at least so many users.
func (m *move) carriesOn(place backup.Store, users int) {
	m.t.Helper()
	folder := m.Options().Settings.Data
	settings := config.Store{Data: folder, DatabaseURL: config.NewSecret(place.URL)}
	if place.Dir != "" {
		settings.Data = place.Dir
		key, err := os.ReadFile(filepath.Join(folder, "herald.key"))
		if err == nil {
			err = os.WriteFile(filepath.Join(place.Dir, "herald.key"), key, 0o600)
		}
		if err != nil {
			m.t.Fatal(err)
		}
	}
	s := m.Join(func(o *app.Options) { o.Settings.Store = settings })
	defer s.Stop()
	before := len(m.receiver.Requests())
	want := s.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM delivery WHERE webhook_id = $1 AND state = 'pending'`, string(m.webhook))[0]
	if want == "0" || users == 0 {
		m.t.Fatal("nothing is owed there")
	}
	s.Call("POST", "/api/delivery/webhook/"+string(m.webhook)+"/resume", nil).Want(200)
	s.Settled(20 * time.Second)
	var got sync.Map
	n := 0
	for _, request := range m.receiver.Requests()[before:] {
		if _, twice := got.LoadOrStore(string(request.Body), true); !twice {
			n++
		}
	}
	if fmt.Sprint(n) != want {
		m.t.Errorf("%d of the %s events that were owed arrived", n, want)
	}
	// Numbers go on where they were, and secrets can be read.
	newest := s.Strings(`SELECT CAST(MAX(sequence) AS TEXT) FROM event`)
	s.Call("POST", "/api/user", object{"user": object{"email": "after@example.com", "password": "correct horse"}}).Want(http.StatusOK)
	if after := s.Strings(`SELECT CAST(MAX(sequence) AS TEXT) FROM event`); slices.Equal(newest, after) {
		m.t.Error("no event after the move")
	}
	s.Call("GET", "/api/webhook/"+string(m.webhook), nil).Want(200)
}
