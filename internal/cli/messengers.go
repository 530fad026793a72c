package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/herald-events/herald/wire"
)

type messengersCommands struct {
	List   messengersList   `cmd:"" help:"All messengers."`
	Show   messengersShow   `cmd:"" help:"One messenger."`
	Create messengersCreate `cmd:"" help:"Add a messenger."`
	Edit   messengersEdit   `cmd:"" help:"Change settings of a messenger."`
	Delete messengersDelete `cmd:"" help:"Remove a messenger that no tenant uses."`
	Test   messengersTest   `cmd:"" help:"Send one message, and show what comes back."`
}

var messengerKind = kind[wire.Messenger]{
	what: "messenger", id: func(m wire.Messenger) wire.ID { return m.ID }, names: func(m wire.Messenger) []string { return []string{m.Name} },
}

// messengerArg is the argument of commands about one messenger.
type messengerArg struct {
	Messenger string `arg:"" help:"The messenger: its name, its id or a part of them that no other has."`
}

func (a messengerArg) find(ctx context.Context, s *session) (wire.Messenger, error) {
	return pick(messengerKind, a.Messenger, s.Messengers.List(ctx))
}

type messengersList struct {
	remote
	limited
}

func (messengersList) Help() string { return "Examples:\n\n  herald messengers list" }

func (c messengersList) Run(ctx context.Context, s *session) error {
	return list(s, whole("messengers", s.Messengers.List(ctx)), c.Limit,
		col("NAME", func(m wire.Messenger) string { return m.Name }),
		col("TYPE", func(m wire.Messenger) string { return string(m.Type) }),
		col("CARRIES", carries),
		col("URL", func(m wire.Messenger) string { return m.URL }),
		col("ID", func(m wire.Messenger) string { return short(m.ID) }),
	)
}

func carries(m wire.Messenger) string {
	all := make([]string, len(m.MessageTypes))
	for i, t := range m.MessageTypes {
		all[i] = string(t)
	}
	return strings.Join(all, ", ")
}

type messengersShow struct {
	remote
	messengerArg
}

func (messengersShow) Help() string {
	return "Examples:\n\n  herald messengers show Texts\n  herald messengers show Texts -o json"
}

func (c messengersShow) Run(ctx context.Context, s *session) error {
	m, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	return s.one("messenger", m, func() { s.showMessenger(m) })
}

func (s *session) showMessenger(m wire.Messenger) {
	s.fields("Messenger", m.Name, "Id", string(m.ID), "Type", string(m.Type), "Carries", carries(m), "URL", m.URL, "From", m.FromPhoneNumber, "Created", exactly(m.InsertInstant))
}

// messengerSettings are the flags that say how a messenger is to be. Secrets come from a file.
type messengerSettings struct {
	From string            `placeholder:"FILE" help:"Take settings from this JSON file, - for stdin: the place for secrets such as authToken and headers."`
	Set  map[string]string `mapsep:"none" placeholder:"MEMBER=VALUE" help:"A setting, such as readTimeout=3000; several times. Not for secrets: others on this machine can read it."`
}

func (c messengerSettings) changes(s *session) (map[string]any, error) {
	changes := map[string]any{}
	if c.From != "" {
		text, err := s.read(c.From)
		if err != nil {
			return nil, err
		}
		if json.Unmarshal(text, &changes) != nil {
			return nil, fmt.Errorf("%s must hold a JSON object with the members of a messenger", c.From)
		}
		if inner, ok := changes["messenger"].(map[string]any); ok {
			changes = inner
		}
	}
	for name, value := range members(c.Set) {
		changes[name] = value
	}
	return changes, nil
}

type messengersCreate struct {
	remote
	writes
	Name string `arg:"" help:"A name for people; unique."`
	messengerSettings
	Type    string `enum:"Generic,Twilio" default:"Generic" placeholder:"TYPE" help:"Generic for a receiver of your own, or Twilio (default: ${default})."`
	Address string `name:"post-to" placeholder:"URL" help:"Where messages are sent."`
}

func (messengersCreate) Help() string {
	return `Examples:

  herald messengers create Texts --post-to http://localhost:9021/message
  herald messengers create Twilio --type Twilio --from twilio.json`
}

func (c messengersCreate) Run(ctx context.Context, s *session) error {
	given, err := c.changes(s)
	if err != nil {
		return err
	}
	given["name"], given["type"] = c.Name, c.Type
	if c.Address != "" {
		given["url"] = c.Address
	}
	if c.Type == "Twilio" && given["url"] == nil {
		given["url"] = "https://api.twilio.com"
	}
	for name, ms := range map[string]int{"connectTimeout": 1000, "readTimeout": 2000} {
		if given[name] == nil {
			given[name] = ms
		}
	}
	var answer wire.MessengerResponse
	if err := s.Call(ctx, "POST", "/api/messenger", map[string]any{"messenger": given}, &answer); err != nil {
		return err
	}
	s.say("Created %s. Try it: herald messengers test %s --to +13035551212", answer.Messenger.Name, quoted(answer.Messenger.Name))
	return s.one("messenger", answer.Messenger, func() { s.showMessenger(*answer.Messenger) })
}

type messengersEdit struct {
	remote
	writes
	messengerArg
	messengerSettings
}

func (messengersEdit) Help() string {
	return `Only what is named changes.

Examples:

  herald messengers edit Texts --set readTimeout=3000
  echo '{"authToken": "…"}' | herald messengers edit Twilio --from -`
}

func (c messengersEdit) Run(ctx context.Context, s *session) error {
	m, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	changes, err := c.changes(s)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		return usageError{"say what is to change: --set or --from"}
	}
	after, err := s.Messengers.Patch(ctx, m.ID, changes)
	if err != nil {
		return err
	}
	s.say("Changed %s.", after.Name)
	return s.one("messenger", after, nil)
}

type messengersDelete struct {
	remote
	writes
	messengerArg
}

func (messengersDelete) Help() string { return "Examples:\n\n  herald messengers delete Texts" }

func (c messengersDelete) Run(ctx context.Context, s *session) error {
	m, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	if err := s.confirm("Remove the messenger %q?", m.Name); err != nil {
		return err
	}
	if err := s.Messengers.Delete(ctx, m.ID); err != nil {
		return err
	}
	s.say("Removed %s.", m.Name)
	return nil
}

type messengersTest struct {
	remote
	writes
	messengerArg
	To   string `required:"" placeholder:"NUMBER" help:"The phone number to send it to."`
	Text string `placeholder:"TEXT" help:"What to send. Default: a sentence that says what it is."`
}

func (messengersTest) Help() string {
	return "Examples:\n\n  herald messengers test Texts --to +13035551212"
}

func (c messengersTest) Run(ctx context.Context, s *session) error {
	m, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	a, err := s.Messengers.Test(ctx, m.ID, wire.MessengerTestRequest{PhoneNumber: c.To, TextMessage: c.Text})
	if err != nil {
		return err
	}
	if err := s.one("attempt", a, func() { s.showMessageAttempts([]wire.MessageAttempt{*a}) }); err != nil {
		return err
	}
	if a.Outcome != "accepted" {
		return errFound
	}
	return nil
}

func (s *session) showMessageAttempts(all []wire.MessageAttempt) {
	writeTable(s.output, all, []column[wire.MessageAttempt]{
		col("THROUGH", func(a wire.MessageAttempt) string {
			if a.MessengerName == "" {
				return a.URL
			}
			return a.MessengerName
		}),
		{"ANSWER", func(a wire.MessageAttempt) string { return answered(a.StatusCode, a.Outcome) }, func(a wire.MessageAttempt) tone {
			if a.Outcome == "accepted" {
				return good
			}
			return bad
		}},
		col("TOOK", func(a wire.MessageAttempt) string { return took(a.DurationMicros) }),
		col("BECAUSE", func(a wire.MessageAttempt) string { return a.Exception }),
		col("BODY", func(a wire.MessageAttempt) string { return a.ResponseBody }),
	})
}
