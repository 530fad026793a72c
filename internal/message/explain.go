package message

import (
	"fmt"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/wire"
)

// summary says in half a sentence what came of an attempt.
func summary(a wire.MessageAttempt) string {
	text := a.Outcome
	if a.StatusCode != 0 {
		text += fmt.Sprintf(", status %d", a.StatusCode)
	}
	if a.Exception != "" {
		text += ", " + a.Exception
	}
	return text
}

// by names who made an attempt.
func (m *sending) by(a wire.MessageAttempt) string {
	switch {
	case m.Message.Kind == wire.KindEmail:
		return "the mail server of the tenant"
	case a.MessengerID == "": // one that is not stored
		return fmt.Sprintf("messenger %q", a.MessengerName)
	case a.MessengerName == "": // one that does not exist
		return fmt.Sprintf("messenger %s", a.MessengerID)
	}
	return fmt.Sprintf("messenger %q (%s)", a.MessengerName, a.MessengerID)
}

// failure says in one sentence why a message did not arrive, or why that is not known. Empty when it was sent.
func (m *sending) failure() string {
	switch {
	case m.State == wire.MessageSent:
		return ""
	case len(m.Attempts) == 0:
		return "no messenger is set for it"
	case m.State == wire.MessageUnknown:
		for i, v := range m.verdicts {
			if v == unsure {
				return "it may have arrived: " + m.by(m.Attempts[i]) + ": " + summary(m.Attempts[i])
			}
		}
	}
	last := m.Attempts[len(m.Attempts)-1]
	return "nobody took it; the last was " + m.by(last) + ": " + summary(last)
}

// title names the message as the event log does.
func (m *sending) title() string {
	kind := string(m.Message.Kind)
	if m.Message.Kind == wire.KindEmail {
		kind = "e-mail"
	}
	return fmt.Sprintf("%s message %s to %s (%s)", kind, m.ID, m.Recipient, m.Message.Purpose)
}

// origin says what the message was made of.
func (m *sending) origin() string {
	var b strings.Builder
	if m.TenantID != "" {
		fmt.Fprintf(&b, "Tenant %s. ", m.TenantID)
	}
	if m.UserID != "" {
		fmt.Fprintf(&b, "User %s. ", m.UserID)
	}
	switch {
	case m.TemplateID == "":
		b.WriteString("Without a template.")
	case m.Locale != "":
		fmt.Fprintf(&b, "Template %q (%s), locale %s (%s).", m.TemplateName, m.TemplateID, m.Locale, m.LocaleReason)
	default:
		fmt.Fprintf(&b, "Template %q (%s), default text (%s).", m.TemplateName, m.TemplateID, m.LocaleReason)
	}
	return b.String()
}

// explain is the entry of the event log about a message that was not sent.
func (m *sending) explain() string {
	var b strings.Builder
	what := "was not sent"
	if m.State == wire.MessageUnknown {
		what = "may not have arrived"
	}
	fmt.Fprintf(&b, "The %s %s: %s.\n%s\n", m.title(), what, m.Failure, m.origin())
	for i, a := range m.Attempts {
		fmt.Fprintf(&b, "Attempt %d, %s", i+1, m.by(a))
		if a.URL != "" {
			fmt.Fprintf(&b, ", %s", a.URL)
		}
		fmt.Fprintf(&b, ", %v: %s\n", took(a), summary(a))
		if a.ResponseBody != "" {
			fmt.Fprintf(&b, "  answer: %s\n", strings.Join(strings.Fields(a.ResponseBody), " "))
		}
	}
	fmt.Fprintf(&b, "What to do: %s", m.hint())
	return b.String()
}

// transcript is the entry of the event log about a message that somebody wants to see all of.
func (m *sending) transcript() string {
	var b strings.Builder
	fmt.Fprintf(&b, "The %s: %s after %d attempt(s).\n%s\n", m.title(), m.State, len(m.Attempts), m.origin())
	for _, e := range m.debug {
		fmt.Fprintf(&b, "\n%s, %v: %s\n%s\n", m.by(e.MessageAttempt), took(e.MessageAttempt), summary(e.MessageAttempt), e.text)
	}
	return strings.TrimRight(b.String(), "\n")
}

func took(a wire.MessageAttempt) time.Duration {
	return time.Duration(a.DurationMicros) * time.Microsecond
}

// hint tells a person what to do about a message that was not sent.
func (m *sending) hint() string {
	switch {
	case m.breach != nil:
		return "Look in the message log at the state limited. If it is an attack, protect what makes us send; if it is real, raise messageLimits of the tenant."
	case m.unasked && m.TemplateName != "":
		return "Open the template, render its preview, and correct it."
	case m.unasked:
		return "Choose another template where this one is named. If the message came too late, the recipient can ask for another one."
	case len(m.Attempts) == 0:
		return "Choose a messenger in the settings of the tenant."
	case m.State == wire.MessageUnknown:
		return "The recipient can ask for another message. If answers often come too late, raise readTimeout of the messenger, or make the receiver answer sooner. " +
			"With retryUnknown the messenger gets such a message again, at the risk that somebody gets it twice."
	}
	return hintFor(m.Message.Kind, m.Attempts[len(m.Attempts)-1])
}

// hintFor tells what to do about the outcome of an attempt.
func hintFor(kind wire.MessageKind, a wire.MessageAttempt) string {
	mail := kind == wire.KindEmail
	settings := "the messenger"
	if mail {
		settings = "emailConfiguration of the tenant"
	}
	switch egress.Outcome(a.Outcome) {
	case egress.Refused:
		return hintForStatus(mail, settings, a.StatusCode)
	case egress.Connect:
		return "Nobody listens at that address, or it cannot be reached from here. Check the address in " + settings + ", and that the receiver runs."
	case egress.DNS:
		return "Check the spelling of the host in " + settings + ", and the name server of this machine."
	case egress.Timeout:
		return "The receiver did not connect or answer in time. Check that it works; the timeouts are set in " + settings + "."
	case egress.TLS:
		return "Check certificate and security in " + settings + ". When it has a certificate, no other is trusted."
	case egress.Blocked:
		return "The addresses that may be sent to are set when Herald is started; private ones are refused with --hardened."
	case egress.Redirect:
		return "Redirects are not followed. Enter the address that it redirects to in " + settings + "."
	case egress.Cancelled:
		return "The time of the message was over, or Herald was being stopped. The recipient can ask for another message."
	case egress.Invalid:
		return "Nothing could be sent at all. Correct " + settings + " as the exception says."
	}
	return "The receiver does not answer as it should. Look into its own log; debug of " + settings + " shows what was sent and answered."
}

func hintForStatus(mail bool, settings string, status int) string {
	switch {
	case mail && (status == 530 || status == 534 || status == 535):
		return "The mail server does not accept the credentials in " + settings + "."
	case mail && status >= 550:
		return "The mail server refuses the sender or the recipient for good. Check the sender in " + settings + " and in the template, and the recipient's address."
	case mail && status >= 400 && status < 500:
		return "The mail server asks to try later. If it goes on, look into its own log."
	case mail:
		return "The mail server refuses the message. Its answer says why."
	case status == 401 || status == 403:
		return "The receiver does not accept the credentials in " + settings + "."
	case status == 404 || status == 405:
		return "There is nothing at that address that takes messages. Check the URL in " + settings + "."
	case status == 429:
		return "The receiver gets more than it allows. Ask its operator to raise the limit, or add a second messenger."
	case status >= 500:
		return "The receiver has a failure of its own. Look into its log; a second messenger would have taken over."
	}
	return "The receiver refuses the message; its answer says why. Often the number is none, or may not be sent to."
}
