package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/wire"
)

type importCommands struct {
	FusionAuth importFusionAuth `cmd:"" name:"fusionauth" help:"Copy event settings, webhooks, messengers and templates from a running FusionAuth."`
}

type importFusionAuth struct {
	remote
	writes
	From string `arg:"" name:"from" help:"Where FusionAuth is: https://auth.example.com."`
	Key  string `arg:"" optional:"" help:"An API key of FusionAuth that may read tenants, keys, webhooks, messengers and templates. Others on this machine can read it here: better in $$FUSIONAUTH_API_KEY."`
}

func (importFusionAuth) Help() string {
	return `What is there keeps its id; a tenant is found by its name where the ids differ, as those of the default tenants do. What is the same already stays as it is, so that the import can be
repeated. Private keys cannot be read from FusionAuth: a webhook that signs, or shows a certificate, goes along without, unless Herald has a key with the same name. Users are not
copied: POST /api/user/import takes them.

Status 1 if something could not be copied.

Examples:

  FUSIONAUTH_API_KEY=… herald import fusionauth https://auth.example.com --dry-run
  FUSIONAUTH_API_KEY=… herald import fusionauth https://auth.example.com -o table`
}

// importedObject is a line of the report.
type importedObject struct {
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	ID      wire.ID  `json:"id,omitempty"`
	Did     string   `json:"did"`
	Changes []string `json:"changes,omitempty"` // the members that are others
	Notes   []string `json:"notes,omitempty"`   // what did not go along
}

const (
	didCreate = "created"
	didUpdate = "updated"
	didNone   = "unchanged"
	didFail   = "failed"
)

func (c importFusionAuth) Run(ctx context.Context, s *session) error {
	source, err := client.New(client.Options{URL: c.From, APIKey: cmp.Or(c.Key, os.Getenv("FUSIONAUTH_API_KEY")), Retries: 1, UserAgent: "herald/" + s.version})
	if err != nil {
		return usageError{"FusionAuth: " + strings.TrimPrefix(err.Error(), "client: ")}
	}
	if err := s.confirm("Copy webhooks, messengers, templates and event settings from %s to %s?", source.URL(), s.URL()); err != nil {
		return err
	}
	m := &mover{session: s, from: source, tenants: map[string]string{}, keys: map[string]string{}}
	if err := m.readKeys(ctx); err != nil {
		return fmt.Errorf("FusionAuth: %w", err)
	}
	for _, step := range []func(context.Context) error{m.moveTenants, m.moveMessengers, m.moveMessageTemplates, m.moveEmailTemplates, m.moveWebhooks} {
		if err := step(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			s.say("\nInterrupted: what was copied stays, and is left alone by the same command, which goes on.")
			return ctx.Err()
		}
	}
	err = list(s, whole("objects", those(m.report)), 0,
		col("KIND", func(o importedObject) string { return o.Kind }),
		col("NAME", func(o importedObject) string { return o.Name }),
		column[importedObject]{"DONE", func(o importedObject) string { return o.said(s.dryRun) }, func(o importedObject) tone {
			return map[string]tone{didFail: bad, didNone: faint}[o.Did]
		}},
		col("WHAT", func(o importedObject) string { return strings.Join(o.Changes, ", ") }),
		col("WITHOUT", func(o importedObject) string { return strings.Join(o.Notes, "; ") }),
	)
	if err == nil && slices.ContainsFunc(m.report, func(o importedObject) bool { return o.Did == didFail }) {
		return errFound
	}
	return err
}

func (o importedObject) said(dry bool) string {
	if dry && (o.Did == didCreate || o.Did == didUpdate) {
		return "would be " + o.Did
	}
	return o.Did
}

// mover copies objects from one server to another.
type mover struct {
	*session
	from    *client.Client
	tenants map[string]string // by their ids there: their ids here
	keys    map[string]string // by their ids there: the ids here of the keys with the same name
	names   map[string]string // of the keys there
	report  []importedObject
}

// readKeys finds the keys that both have.
func (m *mover) readKeys(ctx context.Context) error {
	theirs, err := allOf(ctx, m.from, "/api/key", "keys")
	if err != nil {
		return err
	}
	ours, err := allOf(ctx, m.Client, "/api/key", "keys")
	if err != nil {
		return err
	}
	m.names = map[string]string{}
	for _, k := range theirs {
		m.names[text(k, "id")] = text(k, "name")
		for _, o := range ours {
			if text(o, "id") == text(k, "id") || text(o, "name") == text(k, "name") {
				m.keys[text(k, "id")] = text(o, "id")
			}
		}
	}
	return nil
}

// moveTenants copies the event settings of tenants, and makes the tenants that are not here.
func (m *mover) moveTenants(ctx context.Context) error {
	theirs, err := allOf(ctx, m.from, "/api/tenant", "tenants")
	if err != nil {
		return fmt.Errorf("FusionAuth: %w", err)
	}
	ours, err := allOf(ctx, m.Client, "/api/tenant", "tenants")
	if err != nil {
		return err
	}
	for _, t := range theirs {
		id := text(t, "id")
		m.tenants[id] = id
		for _, o := range ours {
			if text(o, "name") == text(t, "name") || text(o, "id") == id {
				m.tenants[id] = text(o, "id")
			}
		}
		wanted := object{"name": t["name"]}
		var notes []string
		if settings, ok := t["eventConfiguration"].(map[string]any); ok {
			events, _ := settings["events"].(map[string]any)
			for _, name := range slices.Sorted(maps.Keys(events)) {
				if d, known := event.Lookup(event.Type(name)); !known || d.Scope == event.ScopeSystem {
					delete(events, name)
					notes = append(notes, "the event "+name)
				}
			}
			wanted["eventConfiguration"] = object{"events": events}
		}
		m.put(ctx, move{kind: "tenant", path: "/api/tenant", member: "tenant", id: m.tenants[id], name: text(t, "name"), wanted: wanted, notes: notes})
	}
	return nil
}

func (m *mover) moveMessengers(ctx context.Context) error {
	return moveAll[wire.Messenger](ctx, m, "messenger", "/api/messenger", "messengers", "messenger", func(o object) (notes []string, ok bool) {
		if kind := text(o, "type"); kind != "Generic" && kind != "Twilio" {
			return []string{"messengers of the type " + kind}, false
		}
		delete(o, "transport") // which a server sets by itself
		return m.withOurKey(o, "sslCertificateKeyId", "its certificate, key"), true
	})
}

func (m *mover) moveMessageTemplates(ctx context.Context) error {
	return moveAll[wire.MessageTemplate](ctx, m, "message template", "/api/message/template", "messageTemplates", "messageTemplate", nil)
}

func (m *mover) moveEmailTemplates(ctx context.Context) error {
	return moveAll[wire.EmailTemplate](ctx, m, "e-mail template", "/api/email/template", "emailTemplates", "emailTemplate", nil)
}

func (m *mover) moveWebhooks(ctx context.Context) error {
	return moveAll[wire.Webhook](ctx, m, "webhook", "/api/webhook", "webhooks", "webhook", func(o object) (notes []string, ok bool) {
		notes = m.withOurKey(o, "sslCertificateKeyId", "its certificate, key")
		if signs, ok := o["signatureConfiguration"].(map[string]any); ok {
			if missing := m.withOurKey(signs, "signingKeyId", "its signature, key"); missing != nil {
				delete(o, "signatureConfiguration")
				notes = append(notes, missing...)
			}
		}
		if bound, ok := o["tenantIds"].([]any); ok {
			for i, id := range bound {
				if there, ok := id.(string); ok {
					bound[i] = cmp.Or(m.tenants[there], there)
				}
			}
		}
		events, _ := o["eventsEnabled"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(events)) {
			if _, known := event.Lookup(event.Type(name)); !known {
				delete(events, name)
				notes = append(notes, "the event "+name)
			}
		}
		return notes, true
	})
}

// withOurKey replaces the id of a key of theirs by that of ours, or takes it out and says so.
func (m *mover) withOurKey(o object, member, what string) (notes []string) {
	there := text(o, member)
	if there == "" {
		return nil
	}
	if here := m.keys[there]; here != "" {
		o[member] = here
		return nil
	}
	delete(o, member)
	return []string{fmt.Sprintf("%s %q", what, cmp.Or(m.names[there], there))}
}

// moveAll copies all objects of a kind, with the members that T has. fit makes one fit for here and says what it leaves out; not ok leaves out the object.
func moveAll[T any](ctx context.Context, m *mover, kind, path, many, member string, fit func(object) (notes []string, ok bool)) error {
	theirs, err := allOf(ctx, m.from, path, many)
	if err != nil {
		return fmt.Errorf("FusionAuth: %w", err)
	}
	for _, o := range theirs {
		x := move{kind: kind, path: path, member: member, id: text(o, "id"), name: cmp.Or(text(o, "name"), text(o, "description"), text(o, "url"))}
		for _, ours := range []string{"id", "insertInstant", "lastUpdateInstant"} {
			delete(o, ours)
		}
		fits := true
		if fit != nil {
			x.notes, fits = fit(o)
		}
		if !fits {
			m.report = append(m.report, importedObject{Kind: kind, Name: x.name, ID: wire.ID(x.id), Did: "left out", Notes: x.notes})
			continue
		}
		x.wanted, err = shapedAs[T](o)
		if err != nil {
			return fmt.Errorf("FusionAuth: the %s %q: %w", kind, x.name, err)
		}
		for _, name := range slices.Sorted(maps.Keys(o)) {
			if _, known := x.wanted[name]; !known && !isEmpty(o[name]) {
				x.notes = append(x.notes, "the member "+name)
			}
		}
		m.put(ctx, x)
	}
	return nil
}

// shapedAs is the object with the members that T has.
func shapedAs[T any](o object) (shaped object, err error) {
	var typed T
	text, err := json.Marshal(o)
	if err == nil {
		err = json.Unmarshal(text, &typed)
	}
	if err == nil {
		text, err = json.Marshal(typed)
	}
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return shaped, d.Decode(&shaped)
}

// move is one object on its way.
type move struct {
	kind, path, member, id, name string
	wanted                       object
	notes                        []string
}

// put makes the object, changes what is different, or leaves it. What fails is reported, and the others go on.
func (m *mover) put(ctx context.Context, x move) {
	if ctx.Err() != nil {
		return
	}
	done := importedObject{Kind: x.kind, Name: x.name, ID: wire.ID(x.id), Notes: x.notes}
	current, err := m.current(ctx, x)
	if err == nil {
		err = m.bring(ctx, x, current, &done)
	}
	if err != nil && !errors.Is(err, errDryRun) {
		done.Did, done.Notes = didFail, append(done.Notes, sentence(err))
	}
	m.report = append(m.report, done)
}

// current is the object as it is here, nil when it is not.
func (m *mover) current(ctx context.Context, x move) (object, error) {
	answer, err := readObject[object](ctx, m.Client, x.path+"/"+x.id)
	if errors.Is(err, client.ErrNotFound) {
		return nil, nil
	}
	return answer[x.member], err
}

func (m *mover) bring(ctx context.Context, x move, current object, done *importedObject) error {
	path := x.path + "/" + x.id
	if current == nil {
		done.Did = didCreate
		if m.dryRun {
			return nil
		}
		return m.Call(ctx, http.MethodPost, path, map[string]object{x.member: x.wanted}, nil)
	}
	done.Changes = changes("", x.wanted, current)
	if len(done.Changes) == 0 {
		done.Did = didNone
		return nil
	}
	done.Did = didUpdate
	if m.dryRun {
		return nil
	}
	merged := maps.Clone(current)
	merge(merged, x.wanted)
	return m.Call(ctx, http.MethodPut, path, map[string]object{x.member: merged}, nil)
}

// object is a JSON object whose members need not be known.
type object = map[string]any

// changes are the members of wanted, by their paths, that current has not or otherwise. What current has besides does not count.
func changes(at string, wanted, current object) (paths []string) {
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		path := strings.TrimPrefix(at+"."+name, ".")
		inner, isObject := wanted[name].(object)
		if theirs, ok := current[name].(object); ok && isObject {
			paths = append(paths, changes(path, inner, theirs)...)
			continue
		}
		if !isEmpty(wanted[name]) && !reflect.DeepEqual(wanted[name], current[name]) || isEmpty(wanted[name]) && !isEmpty(current[name]) {
			paths = append(paths, path)
		}
	}
	return paths
}

// isEmpty tells whether a value says as little as none: both sides leave such members out as they like.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == "" || v == string(wire.None) // which a transaction setting is unless it says otherwise
	case []any:
		return len(v) == 0
	case object:
		for _, inner := range v {
			if !isEmpty(inner) {
				return false
			}
		}
		return true
	}
	return false
}

// merge takes the members of wanted over into current, objects member by member.
func merge(current, wanted object) {
	for name, value := range wanted {
		inner, isObject := value.(object)
		if theirs, ok := current[name].(object); ok && isObject {
			merge(theirs, inner)
			continue
		}
		current[name] = value
	}
}

// text is a member that is a text, "" otherwise.
func text(o object, member string) string {
	s, _ := o[member].(string)
	return s
}

// allOf reads a list that comes in one answer.
func allOf(ctx context.Context, c *client.Client, path, many string) ([]object, error) {
	answer, err := readObject[[]object](ctx, c, path)
	return answer[many], err
}

// readObject reads an answer with all members there are, and numbers as they came.
func readObject[T any](ctx context.Context, c *client.Client, path string) (answer map[string]T, err error) {
	var raw json.RawMessage
	if err := c.Call(ctx, http.MethodGet, path, nil, &raw); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&answer); err != nil {
		return nil, fmt.Errorf("the answer to GET %s is not what it should be", path)
	}
	return answer, nil
}
