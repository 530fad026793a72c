package ui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// change is something that an administrator does, on its way into the audit log: who, what, and the values before and after, of which the audit
// log masks what is secret. The entry becomes durable in the transaction of the change itself, or neither does.
type change struct {
	v       *visit
	message string
	object  journal.Object
	tenant  wire.ID
	// by is who makes the change, for what is made before anybody has signed in.
	by string
	// before and after are any values of package wire; nil for none. They are read when the change is written.
	before, after any
}

// changing begins a change. The message is English, as all of the audit log: "Changed the webhook 1234 (https://…)".
func (v *visit) changing(format string, args ...any) *change {
	return &change{v: v, message: fmt.Sprintf(format, args...)}
}

// of says what is changed, which is how its history is found.
func (c *change) of(noun string, id wire.ID) *change {
	c.object = journal.Object{Kind: noun, ID: id}
	return c
}

// context is what the domain makes the change with.
func (c *change) context() context.Context {
	return db.Along(c.v.Context(), func(tx *db.Tx) error {
		entry := wire.AuditLog{InsertUser: c.by, Message: c.message, TenantID: c.tenant}
		if c.v.session != nil {
			entry.InsertUser = c.v.session.Name()
		}
		var err error
		if entry.OldValue, err = valueOf(c.before); err != nil {
			return err
		}
		if entry.NewValue, err = valueOf(c.after); err != nil {
			return err
		}
		_, err = c.v.s.Journal.AuditOf(tx, c.object, entry, c.v.info())
		return err
	})
}

func valueOf(value any) (json.RawMessage, error) {
	if value == nil {
		return nil, nil
	}
	return body.Encode(value)
}

// create makes an object with the service's function do, whose id is chosen here when there is none, so that the audit log has it.
func create[T any](v *visit, noun string, id wire.ID, o T, do func(ctx context.Context, id wire.ID, o T) (T, error)) (wire.ID, error) {
	if id == "" {
		id = wire.ID(db.NewID())
	}
	c := v.changing("Created the %s %s", noun, id).of(noun, id)
	c.after = o
	_, err := do(c.context(), id, o)
	return id, err
}

// update changes an object with the service's function do. edit makes the new object of the current one; it may run more than once.
func update[T any](v *visit, noun string, id wire.ID, do func(ctx context.Context, id wire.ID, edit func(T) (T, error)) (T, error), edit func(current T) (T, error)) error {
	return updateAs(v.changing("Changed the %s %s", noun, id).of(noun, id), do, edit)
}

// updateAs is update with a message of its own, of the object that the change is of.
func updateAs[T any](c *change, do func(ctx context.Context, id wire.ID, edit func(T) (T, error)) (T, error), edit func(current T) (T, error)) error {
	_, err := do(c.context(), c.object.ID, func(current T) (T, error) {
		next, err := edit(current)
		c.before, c.after = current, next
		return next, err
	})
	return err
}

// remove deletes an object with the service's function do.
func remove(v *visit, noun string, id wire.ID, before any, do func(ctx context.Context, id wire.ID) error) error {
	c := v.changing("Deleted the %s %s", noun, id).of(noun, id)
	c.before = before
	return do(c.context(), id)
}

// confirm makes sure that it is the administrator who sits there: it wants the password that came with the form, unless it was given a moment ago.
// What it takes the password for are secrets that are shown, keys, and what reaches many users at once. The form has the part "password-again".
func (v *visit) confirm() error {
	if v.session.Confirmed() {
		return nil
	}
	password := v.PostFormValue("password-again")
	if password != "" {
		err := v.s.Admins.Confirm(v.Context(), v.session, password)
		if !errors.Is(err, admin.ErrWrong) {
			return err
		}
	}
	var wrong problem.Validation
	wrong.Field("password-again", "wrong", "%s", v.text.say("PasswordAgainWrong"))
	return wrong.Err()
}

// question is what the page "confirm" asks before something that cannot be undone. Effects say what it does, in numbers where there are some.
type question struct {
	Text    string
	Effects []string
	// Do is what the button says, "" when it cannot be done, and Back where to go instead.
	Do, Back string
	// Password tells that it takes the password: see confirm.
	Password bool
}
