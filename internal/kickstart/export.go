package kickstart

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/wire"
)

// SetUp is what [Export] makes a file of, as the API returns it.
type SetUp struct {
	// DefaultTenant is among Tenants.
	DefaultTenant wire.ID
	Tenants       []wire.Tenant
	// MailPasswords are the tenants whose mail server has a password, which is not among their members.
	MailPasswords []wire.ID
	Webhooks      []wire.Webhook
	// Sinks have no secrets among their members. SinkSecrets are, by the ids of sinks, the places of those that are there: {"redis", "tls", "certificate"}.
	Sinks       []wire.Sink
	SinkSecrets map[wire.ID][][]string
	Messengers  []wire.Messenger
	Messages    []wire.MessageTemplate
	Emails      []wire.EmailTemplate
	// InitialMessages and InitialEmails are the templates that every server begins with. Where one is still the same, the file leaves it out.
	InitialMessages []wire.MessageTemplate
	InitialEmails   []wire.EmailTemplate
	// BuiltIn are the keys and themes that every server has. What names another key or theme cannot do so elsewhere.
	BuiltIn []wire.ID
}

// keyVariable is the variable with the key that runs the requests of an exported file.
const keyVariable = "HERALD_API_KEY"

// Export returns a kickstart file that makes the same set-up on an untouched server.
//
// It has no secret. Passwords, tokens, values of headers, private keys and URLs with something secret in them are variables that read the
// environment; all of them stand at the top. Not in the file, and nothing in it refers to them, are keys, themes and user actions: a webhook that
// signs its requests with a key does not sign them there, one that trusts the certificate of a key trusts what the system does.
func Export(s SetUp) ([]byte, error) {
	x := &exporter{file: exported{
		Variables: variables{{keyVariable, environment(keyVariable)}, {defaultTenantVariable, string(s.DefaultTenant)}},
		APIKeys:   []exportedKey{{Key: "#{" + keyVariable + "}", Description: "Ran the kickstart file"}},
		Requests:  []exportedRequest{},
	}}
	// What others name comes before them. A template that is there from the start is replaced before others may take the name it had.
	for i, m := range s.Messengers {
		x.add("POST", "/api/messenger/", "messenger", i, m.ID, m, nil)
	}
	addTemplates(x, "/api/message/template/", "messageTemplate", s.Messages, s.InitialMessages, func(t *wire.MessageTemplate) *wire.ID { return &t.ID })
	addTemplates(x, "/api/email/template/", "emailTemplate", s.Emails, s.InitialEmails, func(t *wire.EmailTemplate) *wire.ID { return &t.ID })
	made := x.tenants(s)
	oldestFirst := slices.SortedFunc(slices.Values(s.Webhooks), func(a, b wire.Webhook) int {
		return cmp.Or(cmp.Compare(a.InsertInstant, b.InsertInstant), cmp.Compare(a.ID, b.ID))
	})
	for i, w := range oldestFirst {
		w.TenantIDs = slices.DeleteFunc(slices.Clone(w.TenantIDs), func(id wire.ID) bool { return !slices.Contains(made, id) })
		if c := w.SignatureConfiguration; c.SigningKeyID != "" || c.SecondarySigningKeyID != "" || c.StandardWebhooks != (wire.StandardWebhooks{}) {
			w.SignatureConfiguration = wire.SignatureConfiguration{}
		}
		w.SSLCertificateKeyID = ""
		x.add("POST", "/api/webhook/", "webhook", i, w.ID, w, nil)
	}
	x.sinks(s, made)
	if x.err != nil {
		return nil, x.err
	}
	return encodeIndented(x.file)
}

// sinks adds them, the oldest first; those of the integrations as such.
func (x *exporter) sinks(s SetUp, made []wire.ID) {
	all := slices.SortedFunc(slices.Values(s.Sinks), func(a, b wire.Sink) int {
		return cmp.Or(cmp.Compare(a.InsertInstant, b.InsertInstant), cmp.Compare(a.ID, b.ID))
	})
	for i, w := range all {
		tenants := slices.DeleteFunc(slices.Clone(w.TenantIDs), func(id wire.ID) bool { return !slices.Contains(made, id) })
		hide := func(all map[string]any) {
			for _, place := range s.SinkSecrets[w.ID] {
				hideAt(all, place)
			}
		}
		switch {
		case !w.BuiltIn:
			w.TenantIDs = tenants
			x.add("POST", "/api/sink/", "sink", i, w.ID, w, hide)
		case w.Kafka != nil && (w.Global || len(tenants) > 0): // the integration of a tenant that is being deleted goes with it
			path := "/api/integration"
			if !w.Global {
				path += "?tenantId=" + string(tenants[0])
			}
			kafka := &wire.KafkaIntegration{Enabled: w.Enabled == nil || *w.Enabled, DefaultTopic: w.Kafka.Topic, Producer: w.Kafka.Producer}
			x.add("PUT", path, "integrations", i, "", wire.Integrations{Kafka: kafka}, hide)
		}
	}
}

// hidden stands where a secret belongs.
type hidden struct{}

func hideAt(object map[string]any, place []string) {
	for _, step := range place[:len(place)-1] {
		inner, ok := object[step].(map[string]any)
		if !ok {
			inner = map[string]any{}
			object[step] = inner
		}
		object = inner
	}
	object[place[len(place)-1]] = hidden{}
}

func environment(name string) string { return "#{ENV." + name + "}" }

type exported struct {
	Variables variables         `json:"variables"`
	APIKeys   []exportedKey     `json:"apiKeys"`
	Requests  []exportedRequest `json:"requests"`
}

type exportedKey struct {
	Key         string `json:"key"`
	Description string `json:"description"`
}

type exportedRequest struct {
	Method string         `json:"method"`
	URL    string         `json:"url"`
	Body   map[string]any `json:"body"`
}

// variables are names and values in the order of the file.
type variables [][2]string

func (all variables) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, v := range all {
		b.WriteString([]string{"{", ","}[min(i, 1)])
		name, err := json.Marshal(v[0])
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(v[1])
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func encodeIndented(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode kickstart file: %w", err)
	}
	return b.Bytes(), nil
}

type exporter struct {
	file exported
	err  error // the first one
}

// setByServer are members of objects that a request does not say.
var setByServer = []string{"id", "insertInstant", "lastUpdateInstant", "state", "disabledReason", "disabledInstant"}

// members are those of an object that a request says.
func members(object any) (all map[string]any, err error) {
	plain, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(plain))
	d.UseNumber()
	if err := d.Decode(&all); err != nil {
		return nil, err
	}
	maps.DeleteFunc(all, func(name string, _ any) bool { return slices.Contains(setByServer, name) })
	return all, nil
}

// add appends the request that makes an object, the i-th of its kind. change, if not nil, may change its members before.
func (x *exporter) add(method, path, kind string, i int, id wire.ID, object any, change func(all map[string]any)) {
	all, err := members(object)
	if err != nil {
		if x.err == nil {
			x.err = fmt.Errorf("export %s %s: %w", kind, id, err)
		}
		return
	}
	if change != nil {
		change(all)
	}
	prefix := fmt.Sprintf("%s_%d", variableName(kind), i+1)
	x.file.Requests = append(x.file.Requests, exportedRequest{method, path + string(id), map[string]any{kind: x.written(all, prefix)}})
}

func addTemplates[T any](x *exporter, path, kind string, all, initial []T, id func(*T) *wire.ID) {
	added := func(i int, method string) { x.add(method, path, kind, i, *id(&all[i]), all[i], nil) }
	var others []int
	for i := range all {
		at := slices.IndexFunc(initial, func(t T) bool { return *id(&t) == *id(&all[i]) })
		switch {
		case at < 0:
			others = append(others, i)
		case !sameMembers(all[i], initial[at]):
			added(i, "PUT")
		}
	}
	for _, i := range others {
		added(i, "POST")
	}
}

func sameMembers(a, b any) bool {
	one, err := members(a)
	if err != nil {
		return false
	}
	other, err := members(b)
	if err != nil {
		return false
	}
	left, err := json.Marshal(one)
	if err != nil {
		return false
	}
	right, err := json.Marshal(other)
	return err == nil && bytes.Equal(left, right)
}

// tenants adds the default tenant and then the others. It leaves out those that are being deleted, and
// returns those it has added.
func (x *exporter) tenants(s SetUp) (made []wire.ID) {
	var others []func()
	for i, t := range s.Tenants {
		if t.State == wire.PendingDelete {
			continue
		}
		made = append(made, t.ID)
		add := func(method string) {
			x.add(method, "/api/tenant/", "tenant", i, t.ID, t, func(all map[string]any) {
				dropReferences(all, s.BuiltIn)
				if mail, ok := all["emailConfiguration"].(map[string]any); ok && slices.Contains(s.MailPasswords, t.ID) {
					mail["password"] = "set" // a variable in a moment
				}
			})
		}
		if t.ID == s.DefaultTenant {
			add("PUT")
		} else {
			others = append(others, func() { add("POST") })
		}
	}
	for _, add := range others {
		add()
	}
	return made
}

// dropReferences removes what a tenant names and the file does not make.
func dropReferences(tenant map[string]any, builtIn []wire.ID) {
	drop := func(m map[string]any, name string) {
		if id, ok := m[name].(string); ok && !slices.Contains(builtIn, wire.ID(strings.ToLower(id))) {
			delete(m, name)
		}
	}
	drop(tenant, "themeId")
	if jwt, ok := tenant["jwtConfiguration"].(map[string]any); ok {
		drop(jwt, "accessTokenKeyId")
		drop(jwt, "idTokenKeyId")
	}
	if lockout, ok := tenant["failedAuthenticationConfiguration"].(map[string]any); ok {
		drop(lockout, "userActionId")
	}
}

// written is a value as it stands in the file: secrets are variables, and what has a meaning in kickstart files is escaped. at is what variables in it
// begin with.
func (x *exporter) written(value any, at string) any {
	switch value := value.(type) {
	case map[string]any:
		all := make(map[string]any, len(value))
		for _, name := range slices.Sorted(maps.Keys(value)) { // so that the variables have an order
			below := at + "_" + variableName(name)
			if text, ok := value[name].(string); ok && text != "" && hides(value, name, text) {
				all[literally(name)] = x.variable(below)
				continue
			}
			if headers, ok := value[name].(map[string]any); ok && name == "headers" {
				masked := map[string]any{}
				for _, header := range slices.Sorted(maps.Keys(headers)) {
					masked[literally(header)] = x.written(headers[header], at+"_HEADER_"+variableName(header))
					if text, ok := headers[header].(string); ok && text != "" {
						masked[literally(header)] = x.variable(at + "_HEADER_" + variableName(header))
					}
				}
				all[name] = masked
				continue
			}
			all[literally(name)] = x.written(value[name], below)
		}
		return all
	case []any:
		all := make([]any, len(value))
		for i, v := range value {
			all[i] = x.written(v, fmt.Sprintf("%s_%d", at, i+1))
		}
		return all
	case string:
		return x.text(value)
	case hidden:
		return x.variable(at)
	default:
		return value
	}
}

// hides tells whether a text is a secret, by the name of its member or by what it is.
func hides(of map[string]any, name, text string) bool {
	lower := strings.ToLower(name)
	ends := func(words ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.HasSuffix(lower, word) })
	}
	switch {
	case strings.Contains(text, "PRIVATE KEY-----"):
		return true
	case ends("url"):
		return strings.Contains(text, "://") && egress.RedactURL(text) != text
	case lower == "httpauthenticationusername": // alone it is the secret
		password, _ := of["httpAuthenticationPassword"].(string)
		return password == ""
	}
	return lower == "key" || lower == "salt" || ends("password", "secret", "secretkey", "privatekey", "token", "apikey")
}

// variable is a reference to a new variable that reads the environment.
func (x *exporter) variable(name string) string {
	free := name
	for i := 2; x.defined(free); i++ {
		free = fmt.Sprintf("%s_%d", name, i)
	}
	x.file.Variables = append(x.file.Variables, [2]string{free, environment(free)})
	return "#{" + free + "}"
}

func (x *exporter) defined(name string) bool {
	return slices.ContainsFunc(x.file.Variables, func(v [2]string) bool { return v[0] == name })
}

// variableName is the name of a member as part of a variable's: "httpAuthenticationPassword" is PASSWORD, "emailConfiguration" EMAIL.
func variableName(member string) string {
	member = strings.TrimPrefix(strings.TrimSuffix(member, "Configuration"), "httpAuthentication")
	var b strings.Builder
	lower := false // was the character before
	for _, r := range member {
		switch {
		case 'A' <= r && r <= 'Z':
			if lower {
				b.WriteByte('_')
			}
			b.WriteRune(r)
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			b.WriteString(strings.ToUpper(string(r)))
		default:
			b.WriteByte('_')
		}
		lower = 'a' <= r && r <= 'z'
	}
	return b.String()
}

// text is a text as [Load] reads it as that text.
func (x *exporter) text(value string) string {
	if sigil, _ := include(value); sigil != 0 {
		return `\` + literally(value)
	}
	if rest := unescapeInclude(value); rest != value { // nothing else stands for a backslash there
		if !x.defined("backslash") {
			x.file.Variables = append(x.file.Variables, [2]string{"backslash", `\`})
		}
		return "#{backslash}" + literally(rest)
	}
	return literally(value)
}

// literally is a text in which nothing is a variable. The name of a member needs no more.
func literally(text string) string { return strings.ReplaceAll(text, "#{", `\#{`) }
