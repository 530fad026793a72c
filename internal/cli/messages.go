package cli

import (
	"context"
	"strconv"
	"strings"

	"github.com/herald-events/herald/wire"
)

type messagesCommands struct {
	List   messagesList   `cmd:"" help:"What people were sent, the newest first."`
	Show   messagesShow   `cmd:"" help:"One message: in which language and why, and all that was tried."`
	Resend messagesResend `cmd:"" help:"Make a message anew, with another code or link."`
}

type messagesList struct {
	remote
	period
	limited
	watched
	State     string `enum:",sending,sent,failed,unknown,limited" default:"" placeholder:"STATE" help:"Only those that are sending, sent, failed, unknown or limited."`
	Recipient string `placeholder:"ADDRESS" help:"Only those to this whole address or number."`
	Tenant    string `placeholder:"TENANT" help:"Only those of this tenant."`
}

func (messagesList) Help() string {
	return "Neither texts nor codes are on record.\n\nExamples:\n\n  herald messages list --since 24h --state failed"
}

func (c messagesList) Run(ctx context.Context, s *session) error {
	search := wire.MessageSearch{Period: c.wire(), State: wire.MessageState(c.State), Recipient: c.Recipient}
	if c.Tenant != "" {
		t, err := s.tenant(ctx, c.Tenant)
		if err != nil {
			return err
		}
		search.TenantID = t.ID
	}
	return c.watch(ctx, s, func() error {
		return list(s, results[wire.Message]{name: "messages", all: s.Messages.List(ctx, search), span: c.span(), total: func() (int, error) {
			counted := search
			counted.Page = justCount
			page, err := s.Messages.Page(ctx, counted)
			return page.Total, err
		}}, c.Limit,
			col("WHEN", func(m wire.Message) string { return ago(m.InsertInstant) }),
			col("KIND", func(m wire.Message) string { return string(m.Kind) }),
			col("TO", func(m wire.Message) string { return m.Recipient }),
			col("FOR", func(m wire.Message) string { return m.Purpose }),
			col("TEMPLATE", func(m wire.Message) string { return m.TemplateName }),
			col("LOCALE", func(m wire.Message) string { return m.Locale }),
			column[wire.Message]{"STATE", func(m wire.Message) string { return string(m.State) }, func(m wire.Message) tone {
				return map[wire.MessageState]tone{wire.MessageSent: good, wire.MessageFailed: bad, wire.MessageUnknown: warn, wire.MessageLimited: warn}[m.State]
			}},
			col("ATTEMPTS", func(m wire.Message) string { return strconv.Itoa(len(m.Attempts)) }),
			col("ID", func(m wire.Message) string { return short(m.ID) }),
		)
	})
}

// messageArg is the argument of commands about one message.
type messageArg struct {
	Message string `arg:"" help:"The message's id, or a part of it as tables show it."`
}

func (a messageArg) find(ctx context.Context, s *session) (*wire.Message, error) {
	id := wire.ID(strings.ToLower(a.Message))
	if !isID(a.Message) {
		found, err := pick(messageKind, a.Message, first(s.Messages.List(ctx, wire.MessageSearch{}), lookBack))
		if err != nil {
			return nil, err
		}
		id = found.ID
	}
	return s.Messages.Load(ctx, id)
}

type messagesShow struct {
	remote
	messageArg
}

func (messagesShow) Help() string { return "Examples:\n\n  herald messages show 019ac3f2..7d1e" }

func (c messagesShow) Run(ctx context.Context, s *session) error {
	m, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	return s.one("message", m, func() { s.showMessage(m) })
}

func (s *session) showMessage(m *wire.Message) {
	s.fields(
		"To", m.Recipient, "Id", string(m.ID), "When", exactly(m.InsertInstant), "Kind", string(m.Kind), "For", m.Purpose, "Template", m.TemplateName,
		"Locale", m.Locale, "Because", m.LocaleReason, "State", string(m.State), "Failure", m.Failure,
	)
	if len(m.Attempts) > 0 {
		s.heading("Attempts")
		s.showMessageAttempts(m.Attempts)
	}
}

var messageKind = kind[wire.Message]{
	what: "message", id: func(m wire.Message) wire.ID { return m.ID },
	names: func(m wire.Message) []string { return []string{m.Purpose + " " + exactly(m.InsertInstant)} },
}
