package ui

import (
	"cmp"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/wire"
)

var webhookChoiceRoutes = []route{
	{"GET /admin/log/webhooks", watching, admin.WebhookLog, admin.View, (*server).webhookNames},
}

// webhookChoice is the filter "webhook" of a list: a choice among all, or where there are many an input for a part of a name.
type webhookChoice struct {
	// Options are all, or of many those that the text may mean.
	Options []option
	Many    bool
	// Text is what the input has.
	Text    string
	Problem string
	names   names
}

const (
	// mostChoices is how many webhooks a choice lists.
	mostChoices = 100
	// mostNames is how many an input suggests.
	mostNames = 20
)

// Name is how a webhook is called.
func (c webhookChoice) Name(id wire.ID) string { return shortened(c.names.of(id), 60) }

// webhookChoice is the filter as the query has it: an id, or what somebody wrote. When that can only mean one webhook, the page is another one, moved leads there and
// there is nothing else to do.
func (s *server) webhookChoice(v *visit) (c webhookChoice, moved bool, err error) {
	all, err := s.Webhooks.List(v.Context())
	if err != nil {
		return c, false, err
	}
	c.names = names{}
	for _, w := range all {
		c.names[w.ID] = nameOfWebhook(w)
	}
	sinks, err := s.Sinks.List(v.Context())
	if err != nil {
		return c, false, err
	}
	for _, w := range sinks { // which get deliveries as webhooks do
		c.names[w.ID] = w.Name
	}
	asked := strings.TrimSpace(v.FormValue("webhook"))
	_, exists := c.names[wire.ID(asked)]
	if c.Many = len(all) > mostChoices; !c.Many {
		for _, w := range all {
			c.Options = append(c.Options, option{Value: string(w.ID), Text: c.Name(w.ID), Chosen: asked == string(w.ID)})
		}
		return c, false, nil
	}
	if exists {
		c.Text = c.names[wire.ID(asked)]
		if len(named(all, c.Text)) > 1 {
			c.Text = asked
		}
		return c, false, nil
	}
	if c.Text = asked; asked == "" {
		return c, false, nil
	}
	found := meant(all, asked)
	if len(found) == 1 {
		v.redirect(v.URL.Path + v.with("webhook", string(found[0].ID)))
		return c, true, nil
	}
	c.Options = suggestions(all, found)
	if c.Problem = v.text.say("WebhookNone"); len(found) > 0 {
		c.Problem = v.text.say("WebhookSeveral", "Count", len(found))
	}
	return c, false, nil
}

// named are the webhooks with exactly this name.
func named(all []wire.Webhook, name string) (found []wire.Webhook) {
	for _, w := range all {
		if strings.EqualFold(nameOfWebhook(w), name) {
			found = append(found, w)
		}
	}
	return found
}

// meant are the webhooks that a text can mean: those that are called so, or else those that it is a part of.
func meant(all []wire.Webhook, text string) (found []wire.Webhook) {
	if found = named(all, text); len(found) > 0 {
		return found
	}
	for _, w := range all {
		if contain(text, wordsOfWebhook(w)) {
			found = append(found, w)
		}
	}
	return found
}

// suggestions are the first of some webhooks, each by its name, or by its id where others are called so too.
func suggestions(all, some []wire.Webhook) (options []option) {
	some = slices.SortedFunc(slices.Values(some), func(a, b wire.Webhook) int { return cmp.Compare(nameOfWebhook(a), nameOfWebhook(b)) })
	for _, w := range some[:min(len(some), mostNames)] {
		o := option{Value: nameOfWebhook(w)}
		if len(named(all, o.Value)) > 1 {
			o.Value, o.Text = string(w.ID), shortened(o.Value, 60)
		}
		options = append(options, o)
	}
	return options
}

// webhookNames suggests names to who writes into the input.
func (s *server) webhookNames(v *visit) error {
	all, err := s.Webhooks.List(v.Context())
	if err != nil {
		return err
	}
	var options []option
	if text := strings.TrimSpace(v.FormValue("webhook")); text != "" {
		options = suggestions(all, meant(all, text))
	}
	return v.part("log", "webhook-names", options)
}
