package message

import (
	"context"

	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Through are the ways that are set up: messengers, and the mail servers of tenants.
type Through struct {
	Messengers *messenger.Service
	Tenants    *tenant.Service
}

// Phone returns the messenger with that id, problem.ErrNotFound without one.
func (t Through) Phone(ctx context.Context, id wire.ID) (*Way, error) {
	all, err := t.Messengers.Registry(ctx)
	if err != nil {
		return nil, err
	}
	target := all.Target(id)
	if target == nil {
		return nil, problem.ErrNotFound
	}
	return PhoneWay(target), nil
}

// PhoneWay is a messenger as a Way.
func PhoneWay(t *messenger.Target) *Way {
	return &Way{
		ID: t.ID, Name: t.Name, Debug: t.Debug, RetryUnknown: t.RetryUnknown, Can: t.Can,
		Send: func(ctx context.Context, c Content) messenger.Attempt {
			return t.Send(ctx, messenger.Message{
				Kind: c.Kind, PhoneNumber: c.To, Text: c.Text, Locale: c.Locale, Code: c.Code, UserID: c.UserID, Key: c.Key,
			})
		},
	}
}

// Mail returns the mail server of a tenant. Errors: problem.ErrNotFound without the tenant, a problem of kind Invalid for settings that cannot be used.
func (t Through) Mail(ctx context.Context, tenant wire.ID) (*Way, error) {
	server, err := t.Tenants.Mail(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return MailWay(t.Messengers.Mail(server)), nil
}

// MailWay is a mail server as a Way.
func MailWay(t *messenger.MailTarget) *Way {
	return &Way{
		Debug: t.Debug,
		Can:   func(kind wire.MessageKind) bool { return kind == wire.KindEmail },
		Send: func(ctx context.Context, c Content) messenger.Attempt {
			return t.Send(ctx, messenger.Email{Email: c.Mail, Code: c.Code, Key: c.Key})
		},
	}
}
