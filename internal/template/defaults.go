package template

import (
	"context"
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// The templates that an installation begins with. Nothing uses them until a tenant names them.
const (
	// TwoFactorSMS has the code for a second factor by SMS. Its name is that of FusionAuth's.
	TwoFactorSMS wire.ID = "2c5a7f10-84d3-4e19-b6a2-9d0f3c71e845"
	// ForgotPasswordSMS has the link, or the code, to set another password.
	ForgotPasswordSMS wire.ID = "8e41b6d9-07fc-4a52-93c8-51a6e2d7f03b"
	// VerificationSMS has the code, or the link, that shows that the number is the user's.
	VerificationSMS wire.ID = "b9d27c05-64ea-4f38-8a1b-3e5f90c4d276"
	// SetPasswordSMS has the link to set the first password.
	SetPasswordSMS wire.ID = "3af6108e-d5b4-4c97-9e72-c08b1d64fa59"

	// TwoFactorEmail has the code for a second factor by e-mail.
	TwoFactorEmail wire.ID = "d96e0b37-5a18-4c7f-8f24-6b3e91c0a7d5"
	// ForgotPasswordEmail has the link to set another password.
	ForgotPasswordEmail wire.ID = "47b2e8c1-f3d6-49a0-a75e-0c8d6f1b923a"
	// EmailVerification has the code, or the link, that shows that the address is the user's.
	EmailVerification wire.ID = "f08d3c96-1b7e-45d2-9e6a-c4a7512f8be0"
	// RegistrationVerification has the code, or the link, that shows that the registration is wanted.
	RegistrationVerification wire.ID = "904c5e7b-2fa1-46d8-b350-7ad9e81c36f4"
	// SetPasswordEmail has the link to set the first password.
	SetPasswordEmail wire.ID = "615f9ae4-c2b0-4837-b1d9-e70a84c6d35f"
)

// files has a file for each default template and language. The texts of an e-mail stand in one file, each behind a comment with its name.
//
//go:embed defaults
var files embed.FS

// standardLanguage is the one of the default texts. They are also there under its name: otherwise a user who prefers English to German would
// get the German one.
const standardLanguage = "en"

var defaultLanguages = []string{standardLanguage, "de"}

var defaultMessages = []struct {
	id         wire.ID
	name, file string
}{
	{TwoFactorSMS, "Default Two-Factor Request", "sms-two-factor"},
	{ForgotPasswordSMS, "[Herald Default] Forgot Password", "sms-forgot-password"},
	{VerificationSMS, "[Herald Default] Phone Verification", "sms-verification"},
	{SetPasswordSMS, "[Herald Default] Set up Password", "sms-set-password"},
}

var defaultEmails = []struct {
	id         wire.ID
	name, file string
}{
	{TwoFactorEmail, "[Herald Default] Two-Factor Request", "email-two-factor"},
	{ForgotPasswordEmail, "[Herald Default] Forgot Password", "email-forgot-password"},
	{EmailVerification, "[Herald Default] Email Verification", "email-verification"},
	{RegistrationVerification, "[Herald Default] Registration Verification", "email-registration-verification"},
	{SetPasswordEmail, "[Herald Default] Set up Password", "email-set-password"},
}

// Bootstrap stores the default templates. Each is stored once in the life of a store: one that was changed or deleted stays so, and one whose name
// is taken is left out. Several processes may call it at once.
func (s *Service) Bootstrap(ctx context.Context) error {
	messages, emails, err := Defaults()
	if err != nil {
		return err
	}
	if err := s.messages.bootstrap(ctx, messages); err != nil {
		return err
	}
	return s.emails.bootstrap(ctx, emails)
}

func (o *objects[T, C]) bootstrap(ctx context.Context, all []T) error {
	var known []wire.ID
	err := o.db.View(ctx, func(tx *db.Tx) (err error) {
		known, err = o.known(tx)
		return err
	})
	fresh := slices.DeleteFunc(slices.Clone(all), func(t T) bool { return slices.Contains(known, *o.head(&t).id) })
	if err != nil || len(fresh) == 0 {
		return err
	}
	return o.db.Update(ctx, func(tx *db.Tx) error {
		for _, t := range fresh {
			h := o.head(&t)
			first, err := o.first(tx, *h.id) // waits for another process that is doing the same
			if err != nil {
				return err
			}
			if !first {
				continue
			}
			*h.inserted, *h.updated = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())
			err = tx.Savepoint(func() error { return o.insert(tx, &t) })
			if err != nil && !db.IsDuplicate(err) {
				return err
			}
		}
		return tx.Bump(o.topic())
	})
}

// Defaults returns the templates that an installation begins with, without instants.
func Defaults() (messages []wire.MessageTemplate, emails []wire.EmailTemplate, err error) {
	for _, d := range defaultMessages {
		t := wire.MessageTemplate{ID: d.id, Name: d.name, Type: wire.SMS, LocalizedTemplates: wire.Map[string]{}}
		for _, language := range defaultLanguages {
			text, err := readDefault(d.file, language)
			if err != nil {
				return nil, nil, err
			}
			if language == standardLanguage {
				t.DefaultTemplate = text
			}
			t.LocalizedTemplates[language] = text
		}
		messages = append(messages, t)
	}
	for _, d := range defaultEmails {
		t := wire.EmailTemplate{ID: d.id, Name: d.name}
		for _, language := range defaultLanguages {
			text, err := readDefault(d.file, language)
			if err != nil {
				return nil, nil, err
			}
			for _, p := range emailParts {
				if !p.needed { // the sender is the tenant's
					continue
				}
				section, err := section(text, p.standard)
				if err != nil {
					return nil, nil, fmt.Errorf("%s in %s: %w", d.file, language, err)
				}
				if language == standardLanguage {
					*p.text(&t) = section
				}
				texts := p.texts(&t)
				if *texts == nil {
					*texts = wire.Map[string]{}
				}
				(*texts)[language] = section
			}
		}
		emails = append(emails, t)
	}
	return messages, emails, nil
}

func readDefault(file, language string) (string, error) {
	text, err := files.ReadFile(path.Join("defaults", file+"."+language+".ftl"))
	return strings.TrimSpace(string(text)), err
}

// section is what stands between the comment with a name and the next such comment.
func section(text, name string) (string, error) {
	const begin, end = "[#-- == ", " == --]\n"
	_, rest, found := strings.Cut(text, begin+name+end)
	if !found {
		return "", fmt.Errorf("there is no section %s", name)
	}
	rest, _, _ = strings.Cut(rest, begin)
	return strings.TrimSpace(rest), nil
}
