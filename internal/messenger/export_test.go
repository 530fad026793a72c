package messenger

import (
	"github.com/wneessen/go-mail/smtp"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/wire"
)

// Stored is the target of a messenger that was stored without being checked, as rules may have been others then.
func Stored(s *Service, m wire.Messenger) *Target { return s.newTarget(m) }

// Classify is what the result of a request means.
func Classify(r egress.Result) (outcome egress.Outcome, unknown, again bool) { return classify(r) }

// Say is a call in Twilio's markup.
func Say(text, locale string) string { return say(text, locale) }

// Login chooses a way to log in.
func Login(private bool) smtp.Auth {
	return &login{user: "herald", password: "planted", host: "mail.example.com", private: private}
}
