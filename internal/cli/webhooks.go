package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/wire"
)

type webhooksCommands struct {
	List    webhooksList    `cmd:"" help:"All webhooks, how each is and what is owed to it."`
	Show    webhooksShow    `cmd:"" help:"One webhook with its settings."`
	Create  webhooksCreate  `cmd:"" help:"Add a webhook."`
	Edit    webhooksEdit    `cmd:"" help:"Change settings of a webhook."`
	Delete  webhooksDelete  `cmd:"" help:"Remove a webhook, with what is owed to it."`
	Enable  webhooksEnable  `cmd:"" help:"Let a webhook have events again."`
	Disable webhooksDisable `cmd:"" help:"Keep a webhook, but send it nothing."`
	Pause   webhooksPause   `cmd:"" help:"Keep deliveries and votes away from a webhook; what is owed to it waits."`
	Resume  webhooksResume  `cmd:"" help:"End a pause."`
	Test    webhooksTest    `cmd:"" help:"Send one event to a webhook, and show what comes back."`
	Explain webhooksExplain `cmd:"" help:"Say whether a webhook gets an event, and what would have to change if not."`
}

// webhookArg is the argument of commands about one webhook.
type webhookArg struct {
	Webhook string `arg:"" help:"The webhook: its id, URL, description, or a part of them that no other has."`
}

type webhooksList struct {
	remote
	limited
	watched
}

func (webhooksList) Help() string {
	return `Examples:

  herald webhooks list
  herald webhooks list -o json | jq -r '.webhooks[] | select(.enabled == false) | .url'`
}

func (c webhooksList) Run(ctx context.Context, s *session) error {
	return c.watch(ctx, s, func() error { return c.show(ctx, s) })
}

func (c webhooksList) show(ctx context.Context, s *session) error {
	all, err := s.Webhooks.Backlogs(ctx)
	if err != nil {
		return err
	}
	backlog := map[wire.ID]wire.WebhookBacklog{}
	for _, b := range all {
		backlog[b.WebhookID] = b
	}
	state := func(w wire.Webhook) outcome { return stateOf(w, backlog[w.ID]) }
	return list(s, results[wire.Webhook]{name: "webhooks", all: s.Webhooks.List(ctx, wire.WebhookSearch{}), total: func() (int, error) {
		page, err := s.Webhooks.Page(ctx, wire.WebhookSearch{Page: justCount})
		return page.Total, err
	}}, c.Limit,
		column[wire.Webhook]{"STATE", func(w wire.Webhook) string { return state(w).text }, func(w wire.Webhook) tone { return state(w).tone }},
		col("URL", func(w wire.Webhook) string { return w.URL }),
		col("DESCRIPTION", func(w wire.Webhook) string { return w.Description }),
		col("TENANTS", func(w wire.Webhook) string { return tenantsOf(w) }),
		col("EVENTS", func(w wire.Webhook) string { return strconv.Itoa(len(enabledEvents(w))) }),
		col("OWED", func(w wire.Webhook) string { return strconv.Itoa(backlog[w.ID].Pending + backlog[w.ID].Retrying) }),
		col("GIVEN UP", func(w wire.Webhook) string { return strconv.Itoa(backlog[w.ID].Dead) }),
		col("ID", func(w wire.Webhook) string { return short(w.ID) }),
	)
}

// stateOf says how a webhook is, in the words of the admin UI.
func stateOf(w wire.Webhook, b wire.WebhookBacklog) outcome {
	switch {
	case w.Enabled != nil && !*w.Enabled:
		return outcome{"disabled", faint}
	case b.Paused != nil:
		return outcome{"paused", warn}
	case b.Breaker.State == "open":
		return outcome{"failing " + ago(b.Breaker.OpenedInstant), bad}
	default:
		return outcome{"healthy", good}
	}
}

func tenantsOf(w wire.Webhook) string {
	if w.Global {
		return "all"
	}
	return strconv.Itoa(len(w.TenantIDs))
}

func enabledEvents(w wire.Webhook) (types []string) {
	for t, on := range w.EventsEnabled {
		if on {
			types = append(types, t)
		}
	}
	slices.Sort(types)
	return types
}

type webhooksShow struct {
	remote
	webhookArg
}

func (webhooksShow) Help() string {
	return `Examples:

  herald webhooks show crm.example.com
  herald webhooks show crm -o yaml`
}

func (c webhooksShow) Run(ctx context.Context, s *session) error {
	w, err := s.webhook(ctx, c.Webhook)
	if err != nil {
		return err
	}
	return s.one("webhook", w, func() { s.showWebhook(ctx, w) })
}

func (s *session) showWebhook(ctx context.Context, w wire.Webhook) {
	var b wire.WebhookBacklog
	if all, err := s.Webhooks.Backlogs(ctx); err == nil { // a key may see webhooks and no deliveries
		if i := slices.IndexFunc(all, func(b wire.WebhookBacklog) bool { return b.WebhookID == w.ID }); i >= 0 {
			b = all[i]
		}
	}
	state := stateOf(w, b)
	s.fields(
		"Webhook", w.URL,
		"Id", string(w.ID),
		"Description", w.Description,
		"State", state.text,
		"Because", because(w, b),
		"Owed", fmt.Sprintf("%d waiting, %d retrying, %d given up", b.Pending, b.Retrying, b.Dead),
		"Tenants", tenantsOf(w),
		"Events", strings.Join(enabledEvents(w), ", "),
		"Timeouts", fmt.Sprintf("connect %d ms, read %d ms", w.ConnectTimeout, w.ReadTimeout),
		"Signed", signed(w),
		"Created", exactly(w.InsertInstant),
		"Changed", exactly(w.LastUpdateInstant),
	)
}

func because(w wire.Webhook, b wire.WebhookBacklog) string {
	switch {
	case w.DisabledReason != "":
		return w.DisabledReason
	case b.Paused != nil && b.Paused.Reason != "":
		return b.Paused.Reason
	case b.Breaker.State == "open":
		return b.Breaker.Failure + "; next attempt " + in(b.Breaker.ProbeInstant)
	}
	return ""
}

func signed(w wire.Webhook) string {
	var how []string
	if w.SignatureConfiguration.Enabled {
		how = append(how, "X-FusionAuth-Signature-JWT")
	}
	if w.SignatureConfiguration.StandardWebhooks.Enabled {
		how = append(how, "Standard Webhooks")
	}
	if how == nil {
		return "no"
	}
	return strings.Join(how, ", ")
}

// webhookSettings are the flags that say how a webhook is to be.
type webhookSettings struct {
	From           string            `placeholder:"FILE" help:"Take settings from this JSON file, - for stdin; flags win over it."`
	Description    *string           `placeholder:"TEXT" help:"For people, and to name the webhook by."`
	Events         []string          `placeholder:"TYPE" help:"The events it gets; * stands for anything, as in 'user.*'. Several times, or separated by commas."`
	Tenants        []string          `placeholder:"TENANT" help:"Whose events it gets. Default: those of all tenants."`
	Headers        map[string]string `name:"header" mapsep:"none" placeholder:"NAME=VALUE" help:"A header of each request; several times. Others on this machine can read it here: --from keeps it from them."`
	ConnectTimeout int               `placeholder:"MS" help:"How long a connection may take, in milliseconds. Default: 1000."`
	ReadTimeout    int               `placeholder:"MS" help:"How long the answer may take, in milliseconds. Default: 2000."`
	SigningKey     string            `placeholder:"KEY" help:"Sign requests with this key (herald keys list)."`
	RateLimit      *float64          `placeholder:"N" help:"Send so many per second at most, 0 for no limit."`
}

// changes are the settings as members of a webhook: those of the file, and those of the flags.
func (c webhookSettings) changes(ctx context.Context, s *session) (map[string]any, error) {
	changes := map[string]any{}
	if c.From != "" {
		text, err := s.read(c.From)
		if err != nil {
			return nil, err
		}
		var file struct {
			Webhook map[string]any `json:"webhook"`
		}
		if json.Unmarshal(text, &changes) != nil {
			return nil, fmt.Errorf("%s must hold a JSON object with the members of a webhook", c.From)
		}
		if json.Unmarshal(text, &file) == nil && file.Webhook != nil { // as herald webhooks show -o json writes it
			changes = file.Webhook
		}
		for _, given := range []string{"id", "insertInstant", "lastUpdateInstant"} {
			delete(changes, given)
		}
	}
	if c.Description != nil {
		changes["description"] = *c.Description
	}
	if len(c.Events) > 0 {
		on, err := typesLike(c.Events)
		if err != nil {
			return nil, err
		}
		enabled := map[string]any{}
		for _, t := range on {
			enabled[t] = true
		}
		changes["eventsEnabled"] = enabled
	}
	if len(c.Tenants) > 0 {
		var ids []wire.ID
		for _, name := range c.Tenants {
			t, err := s.tenant(ctx, name)
			if err != nil {
				return nil, err
			}
			ids = append(ids, t.ID)
		}
		changes["tenantIds"], changes["global"] = ids, false
	}
	if len(c.Headers) > 0 {
		changes["headers"] = c.Headers
	}
	for name, ms := range map[string]int{"connectTimeout": c.ConnectTimeout, "readTimeout": c.ReadTimeout} {
		if ms != 0 {
			changes[name] = ms
		}
	}
	if c.SigningKey != "" {
		k, err := pick(keyKind, c.SigningKey, s.Keys.List(ctx, wire.KeySearch{}))
		if err != nil {
			return nil, err
		}
		changes["signatureConfiguration"] = map[string]any{"enabled": true, "signingKeyId": k.ID}
	}
	if c.RateLimit != nil {
		changes["rateLimit"] = *c.RateLimit
	}
	return changes, nil
}

// typesLike are the event types that the patterns name. A type of one's own is taken as it is.
func typesLike(patterns []string) (types []string, err error) {
	for _, pattern := range patterns {
		if !event.IsPattern(pattern) {
			if err := knownType(pattern); err != nil {
				return nil, err
			}
			types = append(types, pattern)
			continue
		}
		if !event.CanMatch(pattern) {
			return nil, usageError{fmt.Sprintf("no event type is like %q (herald events types lists them)", pattern)}
		}
		for _, t := range event.Matching(pattern) {
			types = append(types, string(t))
		}
	}
	return types, nil
}

type webhooksCreate struct {
	remote
	writes
	Address string `arg:"" name:"url" optional:"" help:"Where events are sent: http or https. It may stand in the file as well."`
	webhookSettings
}

func (webhooksCreate) Help() string {
	return `Before an event arrives, it has to be on at the tenant as well: herald tenants set-event. What is still missing says herald webhooks explain.

Examples:

  herald webhooks create http://localhost:3000/hook --events 'user.*'
  herald webhooks create https://crm.example.com/hook --description CRM --events user.create,user.update --tenants Default
  herald webhooks show crm -o json | herald webhooks create https://new.example.com/hook --from -`
}

func (c webhooksCreate) Run(ctx context.Context, s *session) error {
	settings, err := c.changes(ctx, s)
	if err != nil {
		return err
	}
	given := map[string]any{"connectTimeout": 1000, "readTimeout": 2000, "global": len(c.Tenants) == 0}
	maps.Copy(given, settings)
	if c.Address != "" {
		given["url"] = c.Address
	}
	if given["url"] == nil {
		return usageError{"say where events are to be sent: herald webhooks create URL"}
	}
	var answer wire.WebhookResponse
	if err := s.Call(ctx, "POST", "/api/webhook", map[string]any{"webhook": given}, &answer); err != nil {
		return err
	}
	s.say("Created %s.", answer.Webhook.URL)
	return s.one("webhook", answer.Webhook, func() { s.showWebhook(ctx, *answer.Webhook) })
}

type webhooksEdit struct {
	remote
	writes
	webhookArg
	webhookSettings
	Address      string   `name:"set-url" placeholder:"URL" help:"Where events are sent from now on."`
	AddEvents    []string `placeholder:"TYPE" help:"Events that it gets as well; * stands for anything."`
	RemoveEvents []string `placeholder:"TYPE" help:"Events that it does not get any more; * stands for anything."`
	Global       bool     `help:"Let it have the events of all tenants."`
}

func (webhooksEdit) Help() string {
	return `Only what is named changes. A file with --from is a JSON Merge Patch: null removes a member.

Examples:

  herald webhooks edit crm --add-events user.delete --read-timeout 5000
  herald webhooks edit crm --tenants Default,Staging
  echo '{"retryConfiguration": {"delays": [5, 30, 300]}}' | herald webhooks edit crm --from -`
}

func (c webhooksEdit) Run(ctx context.Context, s *session) error {
	w, err := s.webhook(ctx, c.Webhook)
	if err != nil {
		return err
	}
	changes, err := c.changes(ctx, s)
	if err != nil {
		return err
	}
	if c.Address != "" {
		changes["url"] = c.Address
	}
	if c.Global {
		changes["global"], changes["tenantIds"] = true, nil
	}
	enabled, replaced := changes["eventsEnabled"].(map[string]any)
	if !replaced {
		enabled = map[string]any{}
	} else if len(c.Events) > 0 {
		for _, t := range enabledEvents(w) { // --events says which there are, not which come in addition
			if enabled[t] == nil {
				enabled[t] = nil
			}
		}
	}
	for on, patterns := range map[bool][]string{true: c.AddEvents, false: c.RemoveEvents} {
		types, err := typesLike(patterns)
		if err != nil {
			return err
		}
		for _, t := range types {
			if enabled[t] = true; !on {
				enabled[t] = nil
			}
		}
	}
	if len(enabled) > 0 {
		changes["eventsEnabled"] = enabled
	}
	if len(changes) == 0 {
		return usageError{"say what is to change; herald webhooks edit --help lists what can"}
	}
	return s.patchWebhook(ctx, w, changes, "Changed")
}

// patchWebhook changes a webhook, says so and shows it.
func (s *session) patchWebhook(ctx context.Context, w wire.Webhook, changes map[string]any, done string) error {
	after, err := s.Webhooks.Patch(ctx, w.ID, changes)
	if err != nil {
		return err
	}
	s.say("%s %s.", done, after.URL)
	return s.one("webhook", after, nil)
}

type webhooksDelete struct {
	remote
	writes
	webhookArg
}

func (webhooksDelete) Help() string {
	return `What is owed to it ends with it. To keep it and send nothing: herald webhooks disable.

Examples:

  herald webhooks delete old.example.com`
}

func (c webhooksDelete) Run(ctx context.Context, s *session) error {
	w, err := s.webhook(ctx, c.Webhook)
	if err != nil {
		return err
	}
	if err := s.confirm("Remove %s, and with it what is owed to it?", w.URL); err != nil {
		return err
	}
	if err := s.Webhooks.Delete(ctx, w.ID); err != nil {
		return err
	}
	s.say("Removed %s.", w.URL)
	return nil
}

type webhooksEnable struct {
	remote
	writes
	webhookArg
}

func (webhooksEnable) Help() string {
	return "Examples:\n\n  herald webhooks enable crm"
}

func (c webhooksEnable) Run(ctx context.Context, s *session) error {
	w, err := s.webhook(ctx, c.Webhook)
	if err != nil {
		return err
	}
	return s.patchWebhook(ctx, w, map[string]any{"enabled": true}, "Enabled")
}

type webhooksDisable struct {
	remote
	writes
	webhookArg
}

func (webhooksDisable) Help() string {
	return `It gets no events that happen from now on, and has no say. Events that shall wait for it instead: herald webhooks pause.

Examples:

  herald webhooks disable crm`
}

func (c webhooksDisable) Run(ctx context.Context, s *session) error {
	w, err := s.webhook(ctx, c.Webhook)
	if err != nil {
		return err
	}
	return s.patchWebhook(ctx, w, map[string]any{"enabled": false}, "Disabled")
}

type webhooksPause struct {
	remote
	writes
	webhookArg
	Reason string `placeholder:"TEXT" help:"Why, for others to read."`
}

func (webhooksPause) Help() string {
	return `Examples:

  herald webhooks pause crm --reason 'moving house'`
}

func (c webhooksPause) Run(ctx context.Context, s *session) error {
	w, err := s.webhook(ctx, c.Webhook)
	if err != nil {
		return err
	}
	b, err := s.Webhooks.Pause(ctx, w.ID, c.Reason)
	if err != nil {
		return err
	}
	s.say("Paused %s. Events wait; it is not asked about transactions.", w.URL)
	return s.one("webhook", b, nil)
}

type webhooksResume struct {
	remote
	writes
	webhookArg
}

func (webhooksResume) Help() string {
	return "Examples:\n\n  herald webhooks resume crm"
}

func (c webhooksResume) Run(ctx context.Context, s *session) error {
	w, err := s.webhook(ctx, c.Webhook)
	if err != nil {
		return err
	}
	b, err := s.Webhooks.Resume(ctx, w.ID)
	if err != nil {
		return err
	}
	s.say("Resumed %s: %d are owed to it.", w.URL, b.Pending+b.Retrying)
	return s.one("webhook", b, nil)
}

type webhooksTest struct {
	remote
	writes
	webhookArg
	testEvent
}

func (webhooksTest) Help() string {
	return `It is signed as real ones are. Status 1 if the webhook did not take it.

Examples:

  herald webhooks test crm --type user.login.success
  herald events example user.create | herald webhooks test crm --body -`
}

func (c webhooksTest) Run(ctx context.Context, s *session) error {
	w, err := s.webhook(ctx, c.Webhook)
	if err != nil {
		return err
	}
	request, err := c.request(s)
	if err != nil {
		return err
	}
	a, err := s.Webhooks.Test(ctx, w.ID, request)
	if err != nil {
		return err
	}
	return c.tell(s, a, signature(a.RequestHeaders))
}

// signature says how a request was signed, by its headers.
func signature(headers map[string]string) string {
	token, standard := "", false
	for name, value := range headers {
		switch strings.ToLower(name) {
		case "x-fusionauth-signature-jwt":
			token = value
		case "webhook-signature":
			standard = true
		}
	}
	var head struct {
		KeyID string `json:"kid"`
	}
	encoded, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err == nil && json.Unmarshal(text, &head) == nil && head.KeyID != "" {
		return "signed, kid " + printable(head.KeyID)
	}
	if token != "" || standard {
		return "signed"
	}
	return "not signed"
}

type webhooksExplain struct {
	remote
	webhookArg
	Event  string `required:"" placeholder:"TYPE" help:"The event type."`
	Tenant string `placeholder:"TENANT" help:"Whose event. Default: the only tenant there is."`
	All    bool   `short:"v" name:"verbose" help:"List the conditions that hold as well."`
}

func (webhooksExplain) Help() string {
	return `Status 0 if the webhook gets it, 1 if not.

Examples:

  herald webhooks explain crm --event user.create
  herald webhooks explain crm --event user.create --tenant Default -v`
}

func (c webhooksExplain) Run(ctx context.Context, s *session) error {
	w, err := s.webhook(ctx, c.Webhook)
	if err != nil {
		return err
	}
	if err := knownType(c.Event); err != nil {
		return err
	}
	var t wire.Tenant
	if d, ok := event.Lookup(event.Type(c.Event)); !ok || d.Scope != event.ScopeSystem {
		if t, err = s.tenant(ctx, c.Tenant); err != nil {
			return err
		}
	}
	e, err := s.Webhooks.Explain(ctx, w.ID, c.Event, t.ID)
	if err != nil {
		return err
	}
	if err := s.one("explanation", e, func() { s.showExplanation(w, t, *e, c.All) }); err != nil {
		return err
	}
	if !e.Receives {
		return errFound
	}
	return nil
}

func (s *session) showExplanation(w wire.Webhook, t wire.Tenant, e wire.Explanation, all bool) {
	would := s.paint(good, "would receive")
	if !e.Receives {
		would = s.paint(bad, "would NOT receive")
	}
	from := ""
	if t.Name != "" {
		from = " from tenant " + t.Name
	}
	fmt.Fprintf(s, "%s %s %s%s\n", host(w.URL), would, e.EventType, from)
	open := 0
	for _, g := range e.Gates {
		switch {
		case !g.Open:
			fmt.Fprintf(s, "  %s %s\n", s.paint(bad, "✗"), g.Detail)
			if fix := fixOf(g, w, t, e.EventType); fix != "" {
				fmt.Fprintf(s, "      fix: %s\n", fix)
			}
		case all:
			fmt.Fprintf(s, "  %s %s\n", s.paint(good, "✓"), g.Detail)
		default:
			open++
		}
	}
	if open > 0 {
		fmt.Fprintf(s, "  %s %d other conditions hold (-v lists them)\n", s.paint(good, "✓"), open)
	}
}

// fixOf is the command that opens a gate, or the request where there is no command.
func fixOf(g wire.ExplainedGate, w wire.Webhook, t wire.Tenant, eventType string) string {
	name := quoted(host(w.URL))
	switch g.Gate {
	case "tenantEvent":
		return fmt.Sprintf("herald tenants set-event %s %s --enabled", quoted(t.Name), eventType)
	case "webhookEnabled":
		return "herald webhooks enable " + name
	case "webhookEvent":
		return "herald webhooks edit " + name + " --add-events " + eventType
	case "tenantBinding":
		return "herald webhooks edit " + name + " --global"
	case "paused":
		return "herald webhooks resume " + name
	}
	return g.Fix
}

// quoted is a word for a shell, in quotes where it has to be.
func quoted(text string) string {
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("-_./:@", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		return text
	}
	return shellWord(text)
}
