package openapi

import (
	"encoding/json"
	"net/http"

	"github.com/swaggest/openapi-go/openapi31"

	"github.com/herald-events/herald/event"
)

// addEvents adds the catalogue: what Herald sends to webhooks.
func (d *document) addEvents() error {
	for _, e := range event.All() {
		if err := d.addEvent(e); err != nil {
			return err
		}
	}
	return nil
}

func (d *document) addEvent(e event.Descriptor) error {
	payload, err := d.schemas.of(e.New())
	if err != nil {
		return err
	}
	example, err := event.Example(e.Type)
	if err != nil {
		return err
	}
	var shown any
	if err := json.Unmarshal(example, &shown); err != nil {
		return err
	}
	content := openapi31.MediaType{Example: &shown, Schema: schemaOf{
		"type": "object", "properties": schemaOf{"event": payload}, "required": []string{"event"},
	}}
	b := openapi31.RequestBody{Content: map[string]openapi31.MediaType{typeJSON: content}}
	var o openapi31.Operation
	o.Security = []map[string][]string{{}} // how a receiver knows the sender is set at each webhook
	o.WithID(string(e.Type)).WithSummary(e.Name).WithDescription(e.Description).WithTags("Events")
	o.RequestBody = &openapi31.RequestBodyOrReference{RequestBody: b.WithRequired(true)}
	o.WithMapOfAnythingItem("x-scope", string(e.Scope)).WithMapOfAnythingItem("x-transactional", e.Transactional)
	accepted := "The event has arrived."
	if e.Transactional {
		accepted = "The event has arrived and, where the webhook is asked, it agrees."
	}
	for status, about := range map[string]string{"2XX": accepted, "4XX": "The webhook does not agree, or wants the event later.", "5XX": "The same."} {
		o.ResponsesEns().WithMapOfResponseOrReferenceValuesItem(status, openapi31.ResponseOrReference{Response: &openapi31.Response{Description: about}})
	}
	return d.spec.AddWebhook(http.MethodPost, string(e.Type), o)
}
