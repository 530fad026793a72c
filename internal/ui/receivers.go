package ui

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sink"
	"github.com/herald-events/herald/wire"
)

// Webhooks and sinks are receivers: what is about deliveries and attempts is about both, and calls each by its name.

var receiverRoutes = []route{
	{"GET /admin/log/webhooks", watching, admin.WebhookLog, admin.View, (*server).suggestReceivers},
}

// called is a receiver as others speak of it.
type called struct {
	ID   wire.ID
	Name string
	Sink bool
	// Address is where it is, without what is secret in it.
	Address string
	// Gone tells that there is no such receiver any more; its name is its id.
	Gone bool
	// rateLimit is how many deliveries it takes per second, 0 for as many as can.
	rateLimit float64
	// State is how it is, the id of a text; "" for one that is gone.
	State string
}

// kind is what the audit log calls it.
func (c called) kind() string {
	if c.Sink {
		return "sink"
	}
	return "webhook"
}

// receiver is the one with an id, or problem.ErrNotFound.
func (s *server) receiver(ctx context.Context, id wire.ID) (called, error) {
	all, err := s.allCalled(ctx)
	if err != nil {
		return called{}, err
	}
	one := all.of(id)
	if one.Gone {
		err = problem.ErrNotFound
	}
	return one, err
}

// To is the address of its page.
func (c called) To() string {
	if c.Sink {
		return "/admin/sink/" + string(c.ID)
	}
	return "/admin/webhook/" + string(c.ID)
}

// lead says which pages lead to those about it.
func (c called) lead(v *visit) {
	if c.Sink {
		v.under("Sinks", "/admin/sink")
		v.under("Sink", c.To())
		return
	}
	v.under("Webhooks", "/admin/webhook")
	v.under("Webhook", c.To())
}

// Short is its name where there is little room.
func (c called) Short() string { return shortened(c.Name, 60) }

// words are what it is found by.
func (c called) words() string { return c.Name + "\x00" + c.Address + "\x00" + string(c.ID) }

// allCalled are all receivers, webhooks first.
type allCalled []called

// of is the receiver with an id.
func (all allCalled) of(id wire.ID) called {
	if at := slices.IndexFunc(all, func(c called) bool { return c.ID == id }); at >= 0 {
		return all[at]
	}
	return called{ID: id, Name: string(id), Gone: true}
}

func (s *server) allCalled(ctx context.Context) (all allCalled, err error) {
	webhooks, err := s.Webhooks.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range webhooks {
		all = append(all, called{ID: w.ID, Name: nameOfWebhook(w), Address: egress.RedactURL(w.URL), rateLimit: w.RateLimit, State: s.stateOf(w.ID, w.Enabled)})
	}
	sinks, err := s.Sinks.List(ctx)
	for _, w := range sinks {
		all = append(all, called{ID: w.ID, Name: w.Name, Sink: true, Address: sink.Address(&w), rateLimit: w.RateLimit, State: s.stateOf(w.ID, w.Enabled)})
	}
	return all, err
}

// receiverChoice is the filter "receiver" of a list: a choice among all, or where there are many an input for a part of a name.
type receiverChoice struct {
	// Options are all, or of many those that the text may mean.
	Options []option
	Many    bool
	// Text is what the input has.
	Text    string
	Problem string
	all     allCalled
}

const (
	// mostChoices is how many receivers a choice lists.
	mostChoices = 100
	// mostNames is how many an input suggests.
	mostNames = 20
)

// Receiver is the one with an id.
func (c receiverChoice) Receiver(id wire.ID) called { return c.all.of(id) }

// receiverChoice is the filter as the query has it: an id, or what somebody wrote. When that can only mean one receiver, the page is another one, moved leads there and
// there is nothing else to do.
func (s *server) receiverChoice(v *visit) (c receiverChoice, moved bool, err error) {
	if c.all, err = s.allCalled(v.Context()); err != nil {
		return c, false, err
	}
	asked := strings.TrimSpace(v.FormValue("webhook"))
	if c.Many = len(c.all) > mostChoices; !c.Many {
		for _, one := range c.all {
			c.Options = append(c.Options, option{Value: string(one.ID), Text: one.Short(), Chosen: asked == string(one.ID)})
		}
		return c, false, nil
	}
	if one := c.all.of(wire.ID(asked)); !one.Gone {
		c.Text = one.Name
		if len(c.all.named(c.Text)) > 1 {
			c.Text = asked
		}
		return c, false, nil
	}
	if c.Text = asked; asked == "" {
		return c, false, nil
	}
	found := c.all.meant(asked)
	if len(found) == 1 {
		v.redirect(v.URL.Path + v.with("webhook", string(found[0].ID)))
		return c, true, nil
	}
	c.Options = c.all.suggestions(found)
	if c.Problem = v.text.say("ReceiverNone"); len(found) > 0 {
		c.Problem = v.text.say("ReceiverSeveral", "Count", len(found))
	}
	return c, false, nil
}

// named are the receivers with exactly this name.
func (all allCalled) named(name string) (found allCalled) {
	for _, one := range all {
		if strings.EqualFold(one.Name, name) {
			found = append(found, one)
		}
	}
	return found
}

// meant are the receivers that a text can mean: those that are called so, or else those that it is a part of.
func (all allCalled) meant(text string) (found allCalled) {
	if found = all.named(text); len(found) > 0 {
		return found
	}
	for _, one := range all {
		if contain(text, one.words()) {
			found = append(found, one)
		}
	}
	return found
}

// suggestions are the first of some receivers, each by its name, or by its id where others are called so too.
func (all allCalled) suggestions(some allCalled) (options []option) {
	some = slices.SortedFunc(slices.Values(some), func(a, b called) int { return cmp.Compare(a.Name, b.Name) })
	for _, one := range some[:min(len(some), mostNames)] {
		o := option{Value: one.Name}
		if len(all.named(o.Value)) > 1 {
			o.Value, o.Text = string(one.ID), one.Short()
		}
		options = append(options, o)
	}
	return options
}

// suggestReceivers suggests names to who writes into the input.
func (s *server) suggestReceivers(v *visit) error {
	all, err := s.allCalled(v.Context())
	if err != nil {
		return err
	}
	var options []option
	if text := strings.TrimSpace(v.FormValue("webhook")); text != "" {
		options = all.suggestions(all.meant(text))
	}
	return v.part("log", "receiver-names", options)
}
