package message

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// Load returns the entry of the log with that id, or problem.ErrNotFound.
func (s *Sender) Load(ctx context.Context, id wire.ID) (m wire.Message, err error) {
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		m, err = loadMessage(tx, id)
		return err
	})
	return m, err
}

var (
	kinds  = []wire.MessageKind{wire.KindSMS, wire.KindVoice, wire.KindEmail}
	states = []wire.MessageState{wire.MessageSending, wire.MessageSent, wire.MessageFailed, wire.MessageUnknown, wire.MessageLimited}
)

// Search returns one page of the log, and how many entries match in all: exactly up to search.MaxCount, beyond it at least so many. Errors: a
// problem of kind Invalid for criteria that cannot be meant.
func (s *Sender) Search(ctx context.Context, c wire.MessageSearch) (found []wire.Message, total int, err error) {
	recipient, err := s.lookFor(c)
	if err != nil {
		return nil, 0, err
	}
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		found, total, err = searchMessages(tx, &s.positions, c, recipient)
		return err
	})
	return found, total, err
}

// Page returns one page of these entries as a list for people, the newest first, from a cursor on. OrderBy and StartRow mean nothing. Errors are those of Search, and
// a problem of kind Invalid for a cursor of another list.
func (s *Sender) Page(ctx context.Context, c wire.MessageSearch, at search.Cursor) (found []wire.Message, links search.Links, err error) {
	recipient, err := s.lookFor(c)
	if err != nil {
		return nil, links, err
	}
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		found, links, err = listMessages(tx, c, recipient, at)
		return err
	})
	return found, links, err
}

// lookFor checks what is looked for, and returns the hash of the recipient, empty for any.
func (s *Sender) lookFor(c wire.MessageSearch) (recipient string, err error) {
	var v problem.Validation
	search.Check(&v, "search.", c.Page)
	search.CheckPeriod(&v, "search.", c.Period)
	search.CheckOneOf(&v, "search.kind", "kind of message", kinds, search.Given(c.Kind)...)
	search.CheckOneOf(&v, "search.state", "state of a message", states, search.Given(c.State)...)
	search.CheckText(&v, "search.purpose", c.Purpose)
	search.CheckText(&v, "search.recipient", c.Recipient)
	search.CheckText(&v, "search.orderBy", c.OrderBy)
	if strings.TrimSpace(c.OrderBy) != "" && search.ParseOrder(c.OrderBy, messageOrders, nil) == nil {
		v.Field("search.orderBy", "invalid", "Messages are ordered by insertInstant or id, ASC or DESC.")
	}
	if err := v.Err(); err != nil || strings.TrimSpace(c.Recipient) == "" {
		return "", err
	}
	return hash(s.o.RecipientKey, c.Recipient), nil
}

// lostAfter is the age at which a message is no longer being sent, whatever its process says: longer than any messenger's timeouts.
const lostAfter = 3 * time.Hour

// closeLost closes the record of messages whose process has ended. Whether they arrived is not known, so nobody sends them again.
func (s *Sender) closeLost(ctx context.Context) error {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		const failure = "Herald ended while the message was being sent; it may have arrived"
		n, err := closeLost(tx, s.o.Node, tx.Now().Add(-lostAfter).UnixMilli(), failure)
		if err != nil || n == 0 {
			return err
		}
		return s.o.Journal.Error(tx, fmt.Sprintf("%d message(s) were being sent when Herald ended. It is not known whether they arrived, and they are not sent again.\n"+
			"What to do: nothing, if those people asked for another one. The message log has them with the state unknown.", n))
	})
	if err != nil {
		return fmt.Errorf("close messages that were being sent: %w", err)
	}
	return nil
}

// step is how many entries one transaction removes, few enough that nobody notices the pause on a store with one writer.
const step = 500

// Tend closes what processes that ended have left, and removes entries that are older than so many days, the oldest first; 0 days keeps them for
// ever. It works in small transactions and stops between two of them when ctx ends.
func (s *Sender) Tend(ctx context.Context, days int) error {
	return errors.Join(s.closeLost(ctx), s.trim(ctx, days))
}

// Trimmable is how many entries Tend would remove that are older than so many days.
func (s *Sender) Trimmable(ctx context.Context, days int) (n int64, err error) {
	if days <= 0 {
		return 0, nil
	}
	err = s.o.DB.View(ctx, func(tx *db.Tx) (err error) {
		n, err = countMessages(tx, tx.Now().AddDate(0, 0, -days).UnixMilli())
		return err
	})
	return n, err
}

func (s *Sender) trim(ctx context.Context, days int) error {
	if days <= 0 {
		return nil
	}
	for removed := int64(step); removed == step; {
		err := s.o.DB.Update(ctx, func(tx *db.Tx) (err error) {
			before := tx.Now().AddDate(0, 0, -days).UnixMilli()
			if removed, err = deleteMessages(tx, before, step); err != nil || removed == 0 {
				return err
			}
			return forgetCounts(tx, before)
		})
		if err != nil {
			return fmt.Errorf("trim the message log: %w", err)
		}
	}
	return nil
}

// TenantDeleted forgets what only counted for the tenant, in the transaction that removes it. Its messages stay on record until their time is over.
func (*Sender) TenantDeleted(tx *db.Tx, tenant wire.ID) error { return deleteGate(tx, tenant) }
