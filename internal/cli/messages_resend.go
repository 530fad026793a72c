package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/wire"
)

type messagesResend struct {
	remote
	writes
	messageArg
}

func (messagesResend) Help() string {
	return `Texts and codes are not on record, so the message is made anew: with another code or link, from the template as it is now, in the language that the user prefers now. It counts
towards the limits as any other. Messages that tell of a change of password, verify an address or a registration, or log somebody in without a password can be made anew.

Status 1 when it was not sent.

Examples:

  herald messages resend 019ac3f2..7d1e
  herald messages resend 019ac3f2..7d1e --dry-run`
}

// remakes make a message anew, by what it was for.
var remakes = map[string]func(ctx context.Context, at *client.Client, m wire.Message, u *wire.User) error{
	"forgot-password": func(ctx context.Context, at *client.Client, m wire.Message, u *wire.User) error {
		id, kind := reachedAt(m, u)
		return at.Call(ctx, http.MethodPost, "/api/user/forgot-password", wire.ForgotPasswordRequest{LoginID: id, LoginIDTypes: []wire.IdentityType{kind}, ApplicationID: m.ApplicationID}, nil)
	},
	"email-verification": func(ctx context.Context, at *client.Client, m wire.Message, u *wire.User) error {
		return at.Call(ctx, http.MethodPut, "/api/user/verify-email?"+ofApplication(m, "email", u.Email), nil, nil)
	},
	"registration-verification": func(ctx context.Context, at *client.Client, m wire.Message, u *wire.User) error {
		return at.Call(ctx, http.MethodPut, "/api/user/verify-registration?"+ofApplication(m, "email", u.Email), nil, nil)
	},
	"phone-verification": func(ctx context.Context, at *client.Client, m wire.Message, u *wire.User) error {
		var begun wire.IdentityVerifyStartResponse
		start := wire.IdentityVerifyStartRequest{LoginID: u.PhoneNumber, LoginIDType: wire.IdentityPhoneNumber, ApplicationID: m.ApplicationID}
		if err := at.Call(ctx, http.MethodPost, "/api/identity/verify/start", start, &begun); err != nil {
			return err
		}
		return at.Call(ctx, http.MethodPost, "/api/identity/verify/send", wire.IdentityVerifySendRequest{VerificationID: begun.VerificationID}, nil)
	},
	"passwordless": func(ctx context.Context, at *client.Client, m wire.Message, u *wire.User) error {
		id, kind := reachedAt(m, u)
		var begun wire.PasswordlessStartResponse
		start := wire.PasswordlessStartRequest{ApplicationID: m.ApplicationID, LoginID: id, LoginIDTypes: []wire.IdentityType{kind}}
		if err := at.Call(ctx, http.MethodPost, "/api/passwordless/start", start, &begun); err != nil {
			return err
		}
		return at.Call(ctx, http.MethodPost, "/api/passwordless/send", wire.PasswordlessSendRequest{Code: begun.Code}, nil)
	},
}

// noRemakes says of the other messages why they cannot be made anew.
var noRemakes = map[string]string{
	"test":              "it was a test; send another with: herald messengers test",
	"two-factor":        "its code belongs to a login, or to a change of second factors, that asks for another by itself: POST /api/two-factor/send",
	"set-password":      "it was part of the creation of the user; to let them choose a password: POST /api/user/forgot-password",
	"breached-password": "it belongs to a login; the next one with that password tells of it again",
	"user-action":       "it told of an action that was taken, in the words of then",
}

// reachedAt is what the user logs in with that the message went to.
func reachedAt(m wire.Message, u *wire.User) (loginID string, kind wire.IdentityType) {
	if m.Kind == wire.KindEmail {
		return u.Email, wire.IdentityEmail
	}
	return u.PhoneNumber, wire.IdentityPhoneNumber
}

func ofApplication(m wire.Message, name, value string) string {
	query := url.Values{name: {value}}
	if m.ApplicationID != "" {
		query.Set("applicationId", string(m.ApplicationID))
	}
	return query.Encode()
}

func (c messagesResend) Run(ctx context.Context, s *session) error {
	m, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	remake := remakes[m.Purpose]
	switch {
	case remake == nil:
		return fmt.Errorf("a message for %s cannot be made anew: %s", m.Purpose, noRemakes[m.Purpose])
	case m.UserID == "":
		return errors.New("the message went to somebody who was no user yet")
	}
	u, err := findUser(ctx, s.Client, string(m.UserID))
	if err != nil {
		return err
	}
	if at, kind := reachedAt(*m, u); at == "" {
		return fmt.Errorf("the user has no %s any more", kind)
	}
	before, err := s.newestMessage(ctx, m)
	if err != nil {
		return err
	}
	if err := remake(ctx, s.In(m.TenantID), *m, u); err != nil {
		return err
	}
	again, err := s.messageAfter(ctx, m, before)
	if err != nil {
		return err
	}
	s.say("Made anew for %s.", again.Recipient)
	if err := s.one("message", again, func() { s.showMessage(again) }); err != nil {
		return err
	}
	if again.State != wire.MessageSent {
		return errFound
	}
	return nil
}

// newestMessage is the latest one to the same user for the same purpose.
func (s *session) newestMessage(ctx context.Context, like *wire.Message) (*wire.Message, error) {
	page, err := s.Messages.Page(ctx, wire.MessageSearch{Page: wire.Page{NumberOfResults: 1}, UserID: like.UserID, Purpose: like.Purpose, Kind: like.Kind})
	if err != nil || len(page.Messages) == 0 {
		return like, err
	}
	return &page.Messages[0], nil
}

// messageAfter waits for a newer one, and for what becomes of it: some are sent after the call that asks for them.
func (s *session) messageAfter(ctx context.Context, like, before *wire.Message) (*wire.Message, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, appearsWithin, errTimeout)
	defer cancel()
	for {
		m, err := s.newestMessage(ctx, like)
		if err == nil && m.ID != before.ID && m.State != wire.MessageSending {
			return m, nil
		}
		if err == nil {
			err = sleep(ctx, 50*time.Millisecond)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("the message is not on its way yet: %w", errTimeout)
		}
		if err != nil {
			return nil, err
		}
	}
}
