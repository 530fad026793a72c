// Package messenger hands messages over to those who deliver them: to a receiver of one's own (Generic), to Twilio, to a mail server. It owns the
// messengers as objects, and one attempt with each of them.
//
// Which template and which messenger a message has, how often it is tried and what is recorded of it is not decided here. An attempt never
// fails: it says what became of it, and above all whether the message may have arrived although nobody said so ([Attempt.Unknown]).
//
//	messenger.go  operations on messengers, and their rules
//	target.go     a messenger compiled for sending; one attempt
//	attempt.go    what an answer means, what of it may be shown
//	generic.go    JSON to a URL
//	twilio.go     Twilio's REST API
//	mailserver.go what a mail server is, and its rules
//	email.go      one e-mail over SMTP
//	trial.go      messages that try a messenger out, who uses one
//	segments.go   how long a text is for a phone
package messenger

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/wire"
)

// Options are what a Service works with; all but the hook are required.
type Options struct {
	DB     *db.DB
	Sealer sealed.Sealer
	Egress *egress.Egress
	// Clock stamps attempts.
	Clock func() time.Time
	// Used, if set, tells in words who uses a messenger that is about to be deleted ("the tenant Default"). One that is used stays.
	Used func(tx *db.Tx, id wire.ID) (by []string, err error)
}

// Service manages messengers. It is safe for concurrent use.
type Service struct {
	Options
	registry *db.Cache[*Registry]
}

// topic of the cached registry.
const topic = "messenger"

// New returns a Service.
func New(o Options) *Service {
	s := &Service{Options: o}
	s.registry = db.NewCache(o.DB, topic, func(tx *db.Tx) (*Registry, error) {
		messengers, err := s.all(tx)
		if err != nil {
			return nil, err
		}
		r := &Registry{byID: make(map[wire.ID]*Target, len(messengers))}
		for _, m := range messengers {
			r.byID[m.ID] = s.newTarget(m)
		}
		return r, nil
	})
	return s
}

// Registry returns the messengers ready to be sent through. It follows this process's changes at once, other processes' within a second.
func (s *Service) Registry(ctx context.Context) (*Registry, error) { return s.registry.Load(ctx) }

// RegistryIn returns the messengers exactly as tx sees them.
func (s *Service) RegistryIn(tx *db.Tx) (*Registry, error) { return s.registry.LoadIn(tx) }

// Create stores m under id, or under a new id if that is empty, and returns it as stored.
func (s *Service) Create(ctx context.Context, id wire.ID, m wire.Messenger) (created wire.Messenger, err error) {
	// Between the look and the insert somebody may have taken id or name: the second time that is found.
	for range 2 {
		err = s.DB.Update(ctx, func(tx *db.Tx) error {
			created = m
			created.ID = id
			if created.ID == "" {
				created.ID = wire.ID(db.NewID())
			}
			created.InsertInstant, created.LastUpdateInstant = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())
			var v problem.Validation
			taken, err := messengerExists(tx, created.ID)
			if err != nil {
				return err
			}
			v.Check(!taken, "messengerId", "duplicate", "There is a messenger with the id %s already.", created.ID)
			if err := checkAll(tx, &v, &created, nil); err != nil {
				return err
			}
			if err := s.insert(tx, &created); err != nil {
				return err
			}
			return tx.Bump(topic)
		})
		if !db.IsDuplicate(err) {
			break
		}
	}
	return created, err
}

// Load returns the messenger, or problem.ErrNotFound.
func (s *Service) Load(ctx context.Context, id wire.ID) (m wire.Messenger, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		m, _, err = s.load(tx, id)
		return err
	})
	return m, err
}

// List returns all messengers by name.
func (s *Service) List(ctx context.Context) (messengers []wire.Messenger, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		messengers, err = s.all(tx)
		return err
	})
	return messengers, err
}

// Update replaces the messenger by what change makes of it. change gets the messenger as it is, may run more than once, and may fail. The type
// cannot change.
func (s *Service) Update(ctx context.Context, id wire.ID, change func(current wire.Messenger) (wire.Messenger, error)) (m wire.Messenger, err error) {
	for range 2 { // as in Create
		err = s.DB.Update(ctx, func(tx *db.Tx) error {
			current, version, err := s.load(tx, id)
			if err != nil {
				return err
			}
			if m, err = change(current); err != nil {
				return err
			}
			m.ID, m.InsertInstant, m.LastUpdateInstant = id, current.InsertInstant, wire.Instant(tx.NowMillis())
			var v problem.Validation
			if err := checkAll(tx, &v, &m, &current); err != nil {
				return err
			}
			if err := s.update(tx, &m, version); err != nil {
				return err
			}
			return tx.Bump(topic)
		})
		if !db.IsDuplicate(err) {
			break
		}
	}
	return m, err
}

// Delete removes the messenger. One that anything uses stays: `[inUse]messengerId`.
func (s *Service) Delete(ctx context.Context, id wire.ID) error {
	return s.DB.Update(ctx, func(tx *db.Tx) error {
		// First, because it waits for those that begin to use it; undone if there are any.
		if err := remove(tx, id); err != nil {
			return err
		}
		if s.Used != nil {
			by, err := s.Used(tx, id)
			if err != nil {
				return err
			}
			var v problem.Validation
			v.Check(len(by) == 0, "messengerId", "inUse", "The messenger is in use by %s.", strings.Join(by, ", "))
			if err := v.Err(); err != nil {
				return err
			}
		}
		return tx.Bump(topic)
	})
}

// Check reports what Update would say about m in the place of the messenger with that id, or Create without one, and stores nothing.
func (s *Service) Check(ctx context.Context, id wire.ID, m wire.Messenger) error {
	return s.DB.View(ctx, func(tx *db.Tx) error {
		var current *wire.Messenger
		if m.ID = id; id != "" {
			stored, _, err := s.load(tx, id)
			if err != nil {
				return err
			}
			current = &stored
		}
		var v problem.Validation
		return checkAll(tx, &v, &m, current)
	})
}

// Carries tells whether there is a messenger with that id that carries messages of the type. It cannot be deleted before tx, which must be an
// Update, has ended: what tx stores about it is then seen by whoever wants to delete it.
func (s *Service) Carries(tx *db.Tx, id wire.ID, what wire.MessageType) (bool, error) {
	held, err := hold(tx, id)
	if err != nil || !held {
		return false, err
	}
	m, _, err := s.load(tx, id)
	return slices.Contains(m.MessageTypes, what), err
}

// Unsaved is what a stored m would be: checked by the same rules, name and uniqueness excepted, and ready to be sent through.
func (s *Service) Unsaved(m wire.Messenger) (*Target, error) {
	var v problem.Validation
	if err := check(&v, &m); err != nil {
		return nil, err
	}
	return s.newTarget(m), nil
}

// checkAll normalizes m and reports every member that cannot be accepted, together with what v holds already. current is the messenger before its
// change, nil for a new one.
func checkAll(tx *db.Tx, v *problem.Validation, m, current *wire.Messenger) error {
	if current != nil && m.Type != "" {
		v.Check(m.Type == current.Type, "messenger.type", "invalid", "The type of a messenger cannot change: this one is %s.", current.Type)
	}
	if err := checkName(tx, v, m); err != nil {
		return err
	}
	return check(v, m)
}

// checkName trims the name and adds what is wrong with it.
func checkName(tx *db.Tx, v *problem.Validation, m *wire.Messenger) error {
	if !v.Name("messenger.name", "A messenger", &m.Name) {
		return nil
	}
	taken, err := nameTaken(tx, m.Name, m.ID)
	if err != nil {
		return err
	}
	v.Check(!taken, "messenger.name", "duplicate", "There is a messenger with the name %q already; case does not count.", m.Name)
	return nil
}

// check normalizes everything but the name and reports every member that cannot be accepted, together with what v holds already. Members that
// do not belong to the type are dropped.
func check(v *problem.Validation, m *wire.Messenger) error {
	m.Transport = "sms"
	checkMessageTypes(v, m)
	switch m.Type {
	case wire.Generic:
		checkGeneric(v, m)
	case wire.Twilio:
		checkTwilio(v, m)
	case wire.Kafka:
		v.Field("messenger.type", "invalid", "Messengers of the type Kafka are not supported. The types are Generic and Twilio.")
	case "":
		v.Field("messenger.type", "missing", "A messenger needs a type, Generic or Twilio.")
	default:
		v.Field("messenger.type", "invalid", "There is no type %.64q. The types are Generic and Twilio.", m.Type)
	}
	return v.Err()
}

// checkMessageTypes puts the types in order, each once, and fills in the default.
func checkMessageTypes(v *problem.Validation, m *wire.Messenger) {
	given := m.MessageTypes
	m.MessageTypes = nil
	for _, known := range []wire.MessageType{wire.SMS, wire.Voice} {
		if slices.Contains(given, known) {
			m.MessageTypes = append(m.MessageTypes, known)
		}
	}
	for _, t := range given {
		v.Check(t == wire.SMS || t == wire.Voice, "messenger.messageTypes", "invalid", "There is no message type %.64q. The types are SMS and Voice.", t)
	}
	if len(given) == 0 {
		m.MessageTypes = []wire.MessageType{wire.SMS}
	}
}

// checkOptionalTimeout refuses a timeout that is there and cannot be used.
func checkOptionalTimeout(v *problem.Validation, path string, ms int) {
	if ms != 0 {
		egress.CheckTimeout(v, path, ms)
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
