package webhook

import (
	"bytes"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/rawjson"
)

// credentials are the members of a jwt.refresh, the only event with something to log in with. Receivers get them, as documented; nobody else does.
var credentials = []string{"refreshToken", "token", "original"}

// span is where a value stands in a body.
type span struct{ from, to int }

// credentialsIn returns where the credentials stand in the body of an event, in their order.
func credentialsIn(body []byte) (all []span) {
	if !bytes.Contains(body, []byte(`"`+event.JWTRefresh+`"`)) { // as nearly always
		return nil
	}
	for outer := range rawjson.Members(body) {
		if string(outer.Name) != "event" || !rawjson.IsObject(outer.Value) {
			continue
		}
		isRefresh := false
		var found []span
		for m := range rawjson.Members(outer.Value) {
			switch text, ok := rawjson.Text(m.Value); {
			case !ok:
			case string(m.Name) == "type":
				isRefresh = string(text) == string(event.JWTRefresh)
			case slices.Contains(credentials, string(m.Name)):
				found = append(found, span{outer.From + m.From, outer.From + m.To})
			}
		}
		if isRefresh {
			all = append(all, found...)
		}
	}
	return all
}

// Shown is the body of an event as it may be shown: without what somebody could log in with. It is body itself when there is nothing of that kind in it.
func Shown(body []byte) []byte {
	spans := credentialsIn(body)
	if len(spans) == 0 {
		return body
	}
	var shown []byte
	at := 0
	for _, s := range spans {
		shown = append(append(shown, body[at:s.from]...), `"`+egress.Hidden+`"`...)
		at = s.to
	}
	return append(shown, body[at:]...)
}

// masker takes out of an answer what it must not carry into our records: the webhook's secrets, and the credentials in the event.
func (t *requester) masker(m Message) *egress.Masker {
	spans := credentialsIn(m.Body)
	if len(spans) == 0 {
		return t.secrets
	}
	all := slices.Clone(t.known)
	for _, s := range spans {
		if text, ok := rawjson.Text(m.Body[s.from:s.to]); ok {
			all = append(all, string(text))
		}
	}
	return egress.NewMasker(all)
}
