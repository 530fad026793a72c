// Package doctor looks at an installation and says what is well, what somebody should look at, and what does not work. The admin UI, the API's health and the
// command line tell the same with it: a [Finding] is a code with parameters, and its words stand in one table.
//
//	doctor.go    the checks that a page or a command asks for, one after the other
//	finding.go   what a finding is, and all of them in English
//	blocking.go  which changes are refused now because webhooks fail; from memory, for every page
//	webhooks.go  what is wrong with webhooks and the events that tenants send
//	keys.go      keys and certificates
//	people.go    messengers, second factors
//	store.go     the database, its disk, retention
//	doctor_sql.go  the statements
//
// It changes nothing and sends nothing, except [Service.Probe], which is asked for by name.
package doctor

import (
	"context"
	"slices"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/system"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/traffic"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// Setup is how the process was started, as far as it matters here.
type Setup struct {
	// Data is the folder of the key file, and of the database on SQLite.
	Data string
	// KeyGiven says that the encryption key came from outside and not from the key file.
	KeyGiven bool
	// Hardened refuses private addresses.
	Hardened bool
	// Proxy is host:port of the outgoing proxy, empty without one.
	Proxy string
	// Deadline bounds the votes of one API call.
	Deadline time.Duration
}

// Options are what a Service works with. All are required.
type Options struct {
	DB         *db.DB
	Tenants    *tenant.Service
	Webhooks   *webhook.Service
	Outbox     *outbox.Outbox
	Keys       *key.Service
	Messengers *messenger.Service
	System     *system.Service
	Traffic    *traffic.Traffic
	// Clock is that of this machine.
	Clock func() time.Time
	Setup Setup
}

// Service examines. It is safe for concurrent use.
type Service struct {
	o        Options
	blocking blockingMemo
}

// New returns a Service.
func New(o Options) *Service { return &Service{o: o} }

// checkPatience bounds each check, so that one that gets no answer hides no other.
const checkPatience = 10 * time.Second

// Examine makes all checks and returns what they found, what is well included: the failures first, then the warnings, each in the order of the checks. A check that
// cannot be made is a finding itself. It takes up to some seconds on a large store.
func (s *Service) Examine(ctx context.Context) []Finding {
	checks := []struct {
		name string
		look func(ctx context.Context, found *findings) error
	}{
		{"blocking", s.lookAtBlocking},
		{"setup", s.lookAtSetup},
		{"database", s.lookAtStore},
		{"clock", s.lookAtClock},
		{"webhooks", s.lookAtWebhooks},
		{"events", s.lookAtEvents},
		{"keys", s.lookAtKeys},
		{"messengers", s.lookAtMessengers},
		{"second factors", s.lookAtFactors},
		{"logs", s.lookAtRetention},
		{"tasks", s.lookAtTasks},
	}
	var found findings
	for _, check := range checks {
		limited, cancel := context.WithTimeout(ctx, checkPatience)
		if err := check.look(limited, &found); err != nil {
			// The reason may be the text of a database driver, which is for the log of whoever asks and not for a page.
			found.add(CheckFailed, Subject{}, "check", check.name)
		}
		cancel()
	}
	return found.sorted()
}

// Attention is what Examine finds that is not well.
func (s *Service) Attention(ctx context.Context) []Finding {
	return slices.DeleteFunc(s.Examine(ctx), func(f Finding) bool { return f.Severity == OK })
}

// probesAtOnce is how many receivers are probed at the same time, and mostProbes how many with one call.
const (
	probesAtOnce = 8
	mostProbes   = 100
)

// Probe asks these receivers whether they are there, webhooks with a HEAD request and sinks by connecting, and finds for each what came of it. It is for people who want
// to know: it sends something. It ends with ctx; receivers that do not exist, and those beyond the first hundred, are left out.
func (s *Service) Probe(ctx context.Context, ids []wire.ID) ([]Finding, error) {
	registry, err := s.o.Webhooks.Registry(ctx)
	if err != nil {
		return nil, err
	}
	var targets []*webhook.Target
	for _, id := range ids[:min(len(ids), mostProbes)] {
		if t := registry.Target(id); t != nil {
			targets = append(targets, t)
		}
	}
	results := make([]Finding, len(targets))
	places := make(chan struct{}, probesAtOnce)
	done := make(chan struct{})
	for i, t := range targets {
		go func() {
			places <- struct{}{}
			results[i] = probed(t, t.Probe(ctx))
			<-places
			done <- struct{}{}
		}()
	}
	for range targets {
		<-done
	}
	return results, nil
}

func probed(t *webhook.Target, a *webhook.Attempt) Finding {
	about := Subject{SubjectKind(t.Kind()), t.ID, t.Name()}
	took := a.End.Sub(a.Start).Milliseconds()
	switch {
	case t.Kind() == webhook.Sink && a.Outcome.Success():
		return newFinding(ProbeReached, about, "milliseconds", took)
	case t.Kind() == webhook.Sink:
		return newFinding(ProbeMissed, about, "outcome", string(a.Outcome), "reason", a.Exception)
	case a.StatusCode != 0: // whatever it says, somebody is there
		return newFinding(ProbeAnswered, about, "status", a.StatusCode, "milliseconds", took)
	}
	return newFinding(ProbeFailed, about, "outcome", string(a.Outcome), "reason", a.Exception)
}

func (s *Service) lookAtSetup(_ context.Context, found *findings) error {
	setup := s.o.Setup
	switch path, exposed := key.Exposed(setup.Data); {
	case setup.KeyGiven:
		found.add(MasterKeyGiven, Subject{})
	case exposed:
		found.add(MasterKeyExposed, Subject{}, "file", path)
	case s.o.DB.Engine() == db.SQLite:
		found.add(MasterKeyBeside, Subject{}, "file", path)
	default:
		found.add(MasterKeyFile, Subject{}, "file", path)
	}
	code := OutboundOpen
	if setup.Hardened {
		code = OutboundHardened
	}
	proxy := setup.Proxy
	if proxy == "" {
		proxy = "none"
	}
	found.add(code, Subject{}, "proxy", proxy)
	return nil
}

// Clocks that differ by more than tolerable make due times and expiries visibly wrong.
const tolerable = 2 * time.Second

func (s *Service) lookAtClock(_ context.Context, found *findings) error {
	ahead := s.o.DB.Now().Sub(s.o.Clock())
	code := ClockRight
	if ahead.Abs() > tolerable {
		code = ClockOff
	}
	found.add(code, Subject{}, "milliseconds", ahead.Milliseconds())
	return nil
}
