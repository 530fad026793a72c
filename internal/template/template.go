package template

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Used tells in words who uses a template that is about to be deleted ("the tenant Default"). None means that it may go.
type Used func(tx *db.Tx, id wire.ID) (by []string, err error)

// Service has all templates. It is safe for concurrent use once its exported fields are set.
type Service struct {
	db       *db.DB
	messages *Messages
	emails   *Emails

	// MessageUsed and EmailUsed protect templates in use from being deleted. Nil means that none is in use.
	MessageUsed, EmailUsed Used
}

// New returns the templates in d.
func New(d *db.DB) *Service {
	s := &Service{db: d}
	s.messages = newMessages(d, func(tx *db.Tx, id wire.ID) ([]string, error) { return s.MessageUsed.by(tx, id) })
	s.emails = newEmails(d, func(tx *db.Tx, id wire.ID) ([]string, error) { return s.EmailUsed.by(tx, id) })
	return s
}

func (u Used) by(tx *db.Tx, id wire.ID) ([]string, error) {
	if u == nil {
		return nil, nil
	}
	return u(tx, id)
}

// Messages are the message templates as objects.
func (s *Service) Messages() *Messages { return s.messages }

// Emails are the e-mail templates as objects.
func (s *Service) Emails() *Emails { return s.emails }

// Message returns a message template ready to be rendered, problem.ErrNotFound without it. It follows this process's changes at once, other
// processes' within a second.
func (s *Service) Message(ctx context.Context, id wire.ID) (*Message, error) {
	return s.messages.ready(ctx, id)
}

// Email is [Service.Message] for e-mail templates.
func (s *Service) Email(ctx context.Context, id wire.ID) (*Email, error) {
	return s.emails.ready(ctx, id)
}

// EmailIn is [Service.Email] as tx sees the template.
func (s *Service) EmailIn(tx *db.Tx, id wire.ID) (*Email, error) {
	all, err := s.emails.cache.LoadIn(tx)
	if err != nil {
		return nil, err
	}
	return find(all, id)
}

// HasMessage tells whether there is a message template with that id and type. It cannot be deleted before tx, which must be an Update, has
// ended: what tx stores about it is then seen by whoever wants to delete it.
func (s *Service) HasMessage(tx *db.Tx, id wire.ID, of wire.MessageType) (bool, error) {
	t, found, err := s.messages.hold(tx, id)
	return found && t.Type == of, err
}

// HasEmail is [Service.HasMessage] for e-mail templates.
func (s *Service) HasEmail(tx *db.Tx, id wire.ID) (bool, error) {
	_, found, err := s.emails.hold(tx, id)
	return found, err
}

// kind is what the two kinds of templates are called.
type kind struct {
	stored string // in the column kind, and in the topic of the memory
	noun   string // for people
	member string // of requests, and in the codes of errors
}

func (k kind) id() string { return k.member + "Id" }

// head points at the members that both kinds of templates have.
type head struct {
	id                *wire.ID
	name              *string
	inserted, updated *wire.Instant
}

// objects are the templates of one kind: T as clients see them, C ready to be rendered.
type objects[T, C any] struct {
	db   *db.DB
	kind kind
	head func(*T) head
	// check normalizes a template and adds what cannot be accepted, its name and id excepted. current is nil for a new one.
	check func(v *problem.Validation, t, current *T)
	used  Used
	cache *db.Cache[map[wire.ID]C]
}

// remember sets up the memory of templates ready to be rendered. Their texts are parsed when they are first needed.
func (o *objects[T, C]) remember(compile func(T) C) {
	o.cache = db.NewCache(o.db, o.topic(), func(tx *db.Tx) (map[wire.ID]C, error) {
		all, err := o.all(tx)
		if err != nil {
			return nil, err
		}
		ready := make(map[wire.ID]C, len(all))
		for _, t := range all {
			ready[*o.head(&t).id] = compile(t)
		}
		return ready, nil
	})
}

func (o *objects[T, C]) topic() string { return "template/" + o.kind.stored }

func (o *objects[T, C]) ready(ctx context.Context, id wire.ID) (c C, err error) {
	all, err := o.cache.Load(ctx)
	if err != nil {
		return c, err
	}
	return find(all, id)
}

func find[C any](all map[wire.ID]C, id wire.ID) (c C, err error) {
	c, found := all[id]
	if !found {
		return c, problem.ErrNotFound
	}
	return c, nil
}

// Create stores t under id, or under a new id if that is empty, and returns it as stored.
func (o *objects[T, C]) Create(ctx context.Context, id wire.ID, t T) (created T, err error) {
	// Between the look and the insert somebody may have taken id or name: the second time that is found.
	for range 2 {
		err = o.db.Update(ctx, func(tx *db.Tx) error {
			created = t
			h := o.head(&created)
			if *h.id = id; id == "" {
				*h.id = wire.ID(db.NewID())
			}
			*h.inserted, *h.updated = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())
			var v problem.Validation
			taken, err := o.exists(tx, *h.id)
			if err != nil {
				return err
			}
			v.Check(!taken, o.kind.id(), "duplicate", "There is a template with the id %s already.", *h.id)
			if err := o.checkAll(tx, &v, &created, nil); err != nil {
				return err
			}
			if err := o.insert(tx, &created); err != nil {
				return err
			}
			return tx.Bump(o.topic())
		})
		if !db.IsDuplicate(err) {
			break
		}
	}
	return created, err
}

// Load returns the template, or problem.ErrNotFound.
func (o *objects[T, C]) Load(ctx context.Context, id wire.ID) (t T, err error) {
	err = o.db.View(ctx, func(tx *db.Tx) error {
		t, _, err = o.load(tx, id)
		return err
	})
	return t, err
}

// List returns all templates by name.
func (o *objects[T, C]) List(ctx context.Context) (all []T, err error) {
	err = o.db.View(ctx, func(tx *db.Tx) error {
		all, err = o.all(tx)
		return err
	})
	return all, err
}

// Update replaces the template by what change makes of it. change gets the template as it is, may run more than once, and may fail.
func (o *objects[T, C]) Update(ctx context.Context, id wire.ID, change func(current T) (T, error)) (t T, err error) {
	for range 2 { // as in Create
		err = o.db.Update(ctx, func(tx *db.Tx) error {
			current, version, err := o.load(tx, id)
			if err != nil {
				return err
			}
			if t, err = change(current); err != nil {
				return err
			}
			h := o.head(&t)
			*h.id, *h.inserted, *h.updated = id, *o.head(&current).inserted, wire.Instant(tx.NowMillis())
			var v problem.Validation
			if err := o.checkAll(tx, &v, &t, &current); err != nil {
				return err
			}
			if err := o.update(tx, &t, version); err != nil {
				return err
			}
			return tx.Bump(o.topic())
		})
		if !db.IsDuplicate(err) {
			break
		}
	}
	return t, err
}

// Delete removes the template. One that anything uses stays: `[inUse]messageTemplateId`, `[inUse]emailTemplateId`.
func (o *objects[T, C]) Delete(ctx context.Context, id wire.ID) error {
	return o.db.Update(ctx, func(tx *db.Tx) error {
		// First, because it waits for those that begin to use it; undone if there are any.
		if err := o.remove(tx, id); err != nil {
			return err
		}
		by, err := o.used(tx, id)
		if err != nil {
			return err
		}
		if len(by) > 0 {
			var v problem.Validation
			v.Field(o.kind.id(), "inUse", "The template is in use by %s.", strings.Join(by, ", "))
			return v.Err()
		}
		return tx.Bump(o.topic())
	})
}

// Check reports what Update would say about t in the place of the template with that id, or Create without one, and stores nothing.
func (o *objects[T, C]) Check(ctx context.Context, id wire.ID, t T) error {
	return o.db.View(ctx, func(tx *db.Tx) error {
		var current *T
		if id != "" {
			stored, _, err := o.load(tx, id)
			if err != nil {
				return err
			}
			current = &stored
		}
		var v problem.Validation
		return o.checkAll(tx, &v, &t, current)
	})
}

// checkAll normalizes t and reports everything that cannot be accepted, together with what v holds already. current is the template before its
// change, nil for a new one.
func (o *objects[T, C]) checkAll(tx *db.Tx, v *problem.Validation, t, current *T) error {
	var self wire.ID
	if current != nil {
		self = *o.head(current).id
	}
	if err := o.checkName(tx, v, o.head(t).name, self); err != nil {
		return err
	}
	o.check(v, t, current)
	return v.Err()
}

// checkName trims the name and adds what is wrong with it. self is the template that may have it already.
func (o *objects[T, C]) checkName(tx *db.Tx, v *problem.Validation, name *string, self wire.ID) error {
	path := o.kind.member + ".name"
	if !v.Name(path, "A template", name) {
		return nil
	}
	taken, err := o.nameTaken(tx, *name, self)
	if err != nil {
		return err
	}
	v.Check(!taken, path, "duplicate", "There is a template with the name %q already; case does not count.", *name)
	return nil
}

// isText tells whether both databases can store it.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// clock is where the texts get their .now from.
type clock func() time.Time
