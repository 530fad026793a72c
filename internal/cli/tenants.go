package cli

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/wire"
)

type tenantsCommands struct {
	List     tenantsList     `cmd:"" help:"All tenants."`
	Show     tenantsShow     `cmd:"" help:"One tenant."`
	Events   tenantsEvents   `cmd:"" help:"Which events a tenant sends, and how many webhooks must agree."`
	SetEvent tenantsSetEvent `cmd:"" name:"set-event" help:"Say whether events are sent, and how many webhooks must agree."`
}

type tenantsList struct {
	remote
	limited
}

func (tenantsList) Help() string { return "Examples:\n\n  herald tenants list" }

func (c tenantsList) Run(ctx context.Context, s *session) error {
	return list(s, whole("tenants", s.Tenants.List(ctx)), c.Limit,
		col("NAME", func(t wire.Tenant) string { return t.Name }),
		col("EVENTS ON", func(t wire.Tenant) string { return strconv.Itoa(len(sent(t))) }),
		col("CREATED", func(t wire.Tenant) string { return exactly(t.InsertInstant) }),
		col("ID", func(t wire.Tenant) string { return short(t.ID) }),
	)
}

// sent are the events that a tenant sends.
func sent(t wire.Tenant) (types []string) {
	for name, setting := range t.EventConfiguration.Events {
		if setting.Enabled {
			types = append(types, name)
		}
	}
	slices.Sort(types)
	return types
}

type tenantsShow struct {
	remote
	Tenant string `arg:"" optional:"" help:"The tenant: its name, its id or a part of them. Default: the only one there is."`
}

func (tenantsShow) Help() string {
	return "Examples:\n\n  herald tenants show Default\n  herald tenants show Default -o yaml"
}

func (c tenantsShow) Run(ctx context.Context, s *session) error {
	t, err := s.tenant(ctx, c.Tenant)
	if err != nil {
		return err
	}
	return s.one("tenant", t, func() {
		s.fields(
			"Tenant", t.Name,
			"Id", string(t.ID),
			"Events on", strings.Join(sent(t), ", "),
			"Created", exactly(t.InsertInstant),
			"Changed", exactly(t.LastUpdateInstant),
		)
	})
}

type tenantsEvents struct {
	remote
	Tenant string `arg:"" optional:"" help:"The tenant: its name, its id or a part of them. Default: the only one there is."`
	On     bool   `help:"Only those that are on."`
}

func (tenantsEvents) Help() string {
	return "Examples:\n\n  herald tenants events\n  herald tenants events Default --on"
}

// eventSetting is what a tenant does with the events of a type.
type eventSetting struct {
	Type string `json:"type"`
	wire.EventSetting
	asked bool
}

func (c tenantsEvents) Run(ctx context.Context, s *session) error {
	t, err := s.tenant(ctx, c.Tenant)
	if err != nil {
		return err
	}
	var all []eventSetting
	for _, d := range event.All() {
		if d.Scope == event.ScopeSystem {
			continue
		}
		all = append(all, eventSetting{string(d.Type), t.EventConfiguration.Events[string(d.Type)], d.Transactional})
	}
	for name, setting := range t.EventConfiguration.Events {
		if event.IsCustom(event.Type(name)) {
			all = append(all, eventSetting{name, setting, true})
		}
	}
	if c.On {
		all = slices.DeleteFunc(all, func(e eventSetting) bool { return !e.Enabled })
	}
	return list(s, whole("events", those(all)), 0,
		col("EVENT", func(e eventSetting) string { return e.Type }),
		column[eventSetting]{"SENT", func(e eventSetting) string { return yes(e.Enabled) }, func(e eventSetting) tone {
			if e.Enabled {
				return good
			}
			return faint
		}},
		col("WEBHOOKS THAT MUST AGREE", func(e eventSetting) string { return mustAgree(e) }),
	)
}

func mustAgree(e eventSetting) string {
	if !e.asked {
		return "-"
	}
	return map[wire.TransactionType]string{
		"": "none", wire.None: "none", wire.Any: "any", wire.SimpleMajority: "half", wire.SuperMajority: "two thirds", wire.AbsoluteMajority: "all",
	}[e.TransactionType]
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// those yields what is there already.
func those[T any](all []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range all {
			if !yield(item, nil) {
				return
			}
		}
	}
}

type tenantsSetEvent struct {
	remote
	writes
	Tenant      string `arg:"" help:"The tenant: its name, its id or a part of them."`
	Type        string `arg:"" help:"The event type; * stands for anything, as in 'user.*'."`
	Enabled     bool   `xor:"switch" help:"Send it."`
	Disabled    bool   `xor:"switch" help:"Do not send it."`
	Transaction string `placeholder:"WHO" enum:",none,any,half,two-thirds,all" default:"" help:"How many of its webhooks must agree before the change is committed: none, any, half, two-thirds, all."`
}

func (tenantsSetEvent) Help() string {
	return `Examples:

  herald tenants set-event Default user.create --enabled --transaction all
  herald tenants set-event Default '*' --enabled --transaction none
  herald tenants set-event Default user.login.success --transaction half`
}

var transactions = map[string]wire.TransactionType{
	"none": wire.None, "any": wire.Any, "half": wire.SimpleMajority, "two-thirds": wire.SuperMajority, "all": wire.AbsoluteMajority,
}

func (c tenantsSetEvent) Run(ctx context.Context, s *session) error {
	t, err := s.tenant(ctx, c.Tenant)
	if err != nil {
		return err
	}
	types, err := typesLike([]string{c.Type})
	if err != nil {
		return err
	}
	change := map[string]any{}
	if c.Enabled || c.Disabled {
		change["enabled"] = c.Enabled
	}
	if c.Transaction != "" {
		change["transactionType"] = transactions[c.Transaction]
	}
	if len(change) == 0 {
		return usageError{"say what is to change: --enabled, --disabled or --transaction"}
	}
	settings := map[string]any{}
	for _, name := range types {
		d, known := event.Lookup(event.Type(name))
		if known && d.Scope == event.ScopeSystem {
			if len(types) == 1 {
				return usageError{fmt.Sprintf("%s is of the whole installation: no tenant decides about it, each webhook does", name)}
			}
			continue
		}
		settings[name] = change
		if known && !d.Transactional && c.Transaction != "" {
			if len(types) == 1 && c.Transaction != "none" {
				return usageError{fmt.Sprintf("%s is sent after the commit: nobody has to agree to it", name)}
			}
			settings[name] = withoutMember(change, "transactionType")
		}
	}
	after, err := s.Tenants.Patch(ctx, t.ID, map[string]any{"eventConfiguration": map[string]any{"events": settings}})
	if err != nil {
		return err
	}
	s.say("%s: %s changed.", after.Name, counts(len(settings), "event type"))
	return s.one("tenant", after, nil)
}

func withoutMember(members map[string]any, name string) map[string]any {
	rest := map[string]any{}
	for member, value := range members {
		if member != name {
			rest[member] = value
		}
	}
	return rest
}
