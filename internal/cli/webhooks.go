package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/herald-events/herald/wire"
)

type webhooksCommands struct {
	List webhooksList `cmd:"" help:"All webhooks, how each is and what is owed to it."`
	Show webhooksShow `cmd:"" help:"One webhook with its settings."`
}

// webhookArg is the argument of commands about one webhook.
type webhookArg struct {
	Webhook string `arg:"" help:"The webhook: its id, URL, description, or a part of them that no other has."`
}

type webhooksList struct {
	remote
	limited
}

func (webhooksList) Help() string {
	return `Examples:

  herald webhooks list
  herald webhooks list -o json | jq -r '.webhooks[] | select(.enabled == false) | .url'`
}

func (c webhooksList) Run(ctx context.Context, s *session) error {
	all, err := s.Webhooks.Backlogs(ctx)
	if err != nil {
		return err
	}
	backlog := map[wire.ID]wire.WebhookBacklog{}
	for _, b := range all {
		backlog[b.WebhookID] = b
	}
	state := func(w wire.Webhook) webhookState { return stateOf(w, backlog[w.ID]) }
	return list(s, "webhooks", s.Webhooks.List(ctx, wire.WebhookSearch{}), c.Limit,
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

type webhookState struct {
	text string
	tone tone
}

// stateOf says how a webhook is, in the words of the admin UI.
func stateOf(w wire.Webhook, b wire.WebhookBacklog) webhookState {
	switch {
	case w.Enabled != nil && !*w.Enabled:
		return webhookState{"disabled", faint}
	case b.Paused != nil:
		return webhookState{"paused", warn}
	case b.Breaker.State == "open":
		return webhookState{"failing " + ago(b.Breaker.OpenedInstant), bad}
	default:
		return webhookState{"healthy", good}
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
