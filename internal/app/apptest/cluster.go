package apptest

import (
	"net/http"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/db"
)

// StartCluster starts n servers on one PostgreSQL database, as that many processes would be.
func StartCluster(t testing.TB, n int, options ...Option) []*Server {
	t.Helper()
	all := []*Server{Start(t, db.PostgreSQL, options...)}
	for range n - 1 {
		all = append(all, all[0].Join())
	}
	return all
}

// Join starts another server on the store of s, which must be PostgreSQL. It is stopped at the end of the test.
func (s *Server) Join(options ...Option) *Server {
	s.t.Helper()
	other := &Server{Tenant: s.Tenant, t: s.t, options: s.options, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	for _, option := range options {
		option(&other.options)
	}
	s.t.Cleanup(other.Stop)
	other.start()
	return other
}

// QuickLease makes servers notice sooner that another one is dead.
func QuickLease(o *app.Options) { o.Outbox.Lease = time.Second }

// Exec changes the store behind the server's back.
func (s *Server) Exec(query string, args ...any) {
	s.t.Helper()
	err := s.App.Store().Update(s.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
}
