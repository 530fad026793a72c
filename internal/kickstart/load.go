package kickstart

import (
	"bytes"
	"fmt"
	"mime"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/nearest"
	"github.com/herald-events/herald/wire"
)

// The members a file may have. Everything else is most likely a typing mistake, but only a warning, because FusionAuth adds members
// over time and a file written for it must go on working.
var (
	fileMembers       = []string{"variables", "apiKeys", "requests", "settings", "license", "licenseId"}
	keyMembers        = []string{"id", "key", "name", "description", "keyManager", "tenantId", "permissions", "ipAccessControlListId", "expirationInstant", "retrievable", "metaData"}
	permissionMembers = []string{"endpoints"}
	requestMembers    = []string{"method", "url", "body", "tenantId", "contentType"}
	settingMembers    = []string{"connectTimeout", "readTimeout"}
)

// Load reads a kickstart file, inserts the files it includes, sets its variables and checks the result. It changes nothing and asks no
// server. env looks up environment variables, as os.LookupEnv does.
//
// Its error is a *LoadError with everything that is wrong at once.
func Load(path string, env func(string) (string, bool), o BuiltIns) (*File, error) {
	e := &expander{
		path:      path,
		env:       env,
		builtIns:  o.Values,
		newUUID:   o.NewUUID,
		variables: map[string]*variable{},
	}
	if e.newUUID == nil {
		e.newUUID = randomUUID
	}
	f := e.load()
	if len(e.problems) > 0 {
		return nil, &LoadError{Path: path, Problems: e.sorted(e.problems), Warnings: e.sorted(e.warnings)}
	}
	f.Warnings = e.sorted(e.warnings)
	return f, nil
}

func (e *expander) load() *File {
	data, err := readFile(e.path)
	if err != nil {
		e.problem(nil, place{}, "%v", err)
		return nil
	}
	src := &source{name: e.path, data: data}
	root, err := parse(src)
	if err != nil {
		e.syntax(src, place{}, err)
		return nil
	}
	if root.kind != object {
		e.problem(root, place{}, "must be a JSON object with apiKeys and requests, not %s", root.kind)
		return nil
	}
	if e.folder, err = openFolder(e.path); err != nil {
		e.problem(nil, place{}, "its folder %s cannot be read: %v", filepath.Dir(e.path), err)
		return nil
	}
	defer e.folder.close()

	e.members(root, place{}, fileMembers)
	return &File{
		Path:      e.path,
		Variables: e.loadVariables(root.find("variables")),
		Settings:  e.loadSettings(root.find("settings")),
		APIKeys:   e.loadKeys(root, root.find("apiKeys")),
		Requests:  e.loadRequests(root.find("requests")),
	}
}

func (e *expander) loadVariables(n *node) map[string]string {
	p := place{}.in("variables")
	if n != nil && n.kind == text {
		n = e.value(n, p) // the whole member may be an include
	}
	if n == nil || !e.is(n, p, object) {
		return nil
	}
	for _, m := range n.members {
		at := &node{src: n.src, at: m.at}
		_, builtIn := e.builtIns[m.name]
		switch {
		case builtIn:
			e.problem(at, p, "%s is the name of a built-in", quote(m.name))
		case m.name != strings.TrimSpace(m.name) || m.name == "" || m.name == "UUID()" || strings.HasPrefix(m.name, "ENV.") || strings.ContainsAny(m.name, "{}\n"):
			e.problem(at, p, "%s cannot be the name of a variable", quote(m.name))
		default:
			if e.variables[m.name] != nil {
				e.warning(at, p, "%s is defined twice; the last one counts", quote(m.name))
			}
			e.variables[m.name] = &variable{node: m.value}
		}
	}
	values := make(map[string]string, len(n.members))
	for _, m := range n.members { // in the order of the file, so that problems come in that order; unused ones too
		if v := e.variables[m.name]; v != nil {
			values[m.name], _ = e.evaluate(m.name, v)
		}
	}
	for _, name := range []string{defaultTenantVariable, tenantManagerVariable} {
		if v := e.variables[name]; v != nil && v.state == known && !isUUID(v.value) {
			e.problem(v.node, p.in(name), "must be a UUID")
		}
	}
	return values
}

func (e *expander) loadSettings(n *node) Settings {
	s := Settings{ConnectTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second}
	p := place{}.in("settings")
	if n == nil {
		return s
	}
	if n = e.value(n, p); !e.is(n, p, object) {
		return s
	}
	e.members(n, p, settingMembers)
	e.milliseconds(n, p, "connectTimeout", &s.ConnectTimeout)
	e.milliseconds(n, p, "readTimeout", &s.ReadTimeout)
	return s
}

func (e *expander) milliseconds(n *node, p place, name string, d *time.Duration) {
	v := n.find(name)
	if v == nil {
		return
	}
	ms, err := strconv.ParseInt(v.text, 10, 32)
	if err != nil || ms <= 0 {
		e.problem(v, p.in(name), "must be a number of milliseconds greater than 0")
		return
	}
	*d = time.Duration(ms) * time.Millisecond
}

func (e *expander) loadKeys(root, n *node) []APIKey {
	p := place{}.in("apiKeys")
	if n == nil {
		e.problem(root, place{}, "apiKeys is missing: at least one key is needed, the first one runs the requests")
		return nil
	}
	if n.kind == text {
		n = e.value(n, p)
	}
	if !e.is(n, p, array) {
		return nil
	}
	if len(n.items) == 0 {
		e.problem(n, p, "is empty: at least one key is needed, the first one runs the requests")
	}
	keys := make([]APIKey, 0, len(n.items))
	seen := map[string]int{}
	for i, item := range n.items {
		p := place{where: fmt.Sprintf("API key %d", i+1)}
		item = e.value(item, p)
		if !e.is(item, p, object) {
			continue
		}
		k := e.loadKey(item, p)
		if first := seen[k.Key]; first > 0 && k.Key != "" {
			e.problem(item.find("key"), p.in("key"), "is the same key as that of API key %d", first)
		} else {
			seen[k.Key] = i + 1
		}
		if i == 0 && (k.TenantID != "" || len(k.Permissions) > 0) {
			e.problem(item, p, "runs the requests and must be allowed to: the first key must be global (no tenantId) and unrestricted (no permissions)")
		}
		keys = append(keys, k)
	}
	return keys
}

func (e *expander) loadKey(n *node, p place) APIKey {
	e.members(n, p, keyMembers)
	k := APIKey{
		ID:                    e.uuid(n, p, "id"),
		Key:                   e.member(n, p, "key"),
		Name:                  e.member(n, p, "name"),
		Description:           e.member(n, p, "description"),
		KeyManager:            e.boolean(n, p, "keyManager"),
		TenantID:              e.uuid(n, p, "tenantId"),
		IPAccessControlListID: e.uuid(n, p, "ipAccessControlListId"),
		Permissions:           e.permissions(n, p),
	}
	switch key := n.find("key"); {
	case key == nil || strings.TrimSpace(k.Key) == "":
		e.problem(firstNode(key, n), p.in("key"), "is missing")
	case k.Key != strings.TrimSpace(k.Key) || strings.ContainsFunc(k.Key, func(r rune) bool { return r < ' ' || r == 0x7f }):
		e.problem(key, p.in("key"), "must not begin or end with a space and must not contain control characters: it is sent in a header")
	case strings.ContainsFunc(k.Key, func(r rune) bool { return r > 0x7f }):
		e.warning(key, p.in("key"), "has characters outside ASCII, which many HTTP clients cannot send in a header")
	}
	// The API's own object keeps the description one level down.
	if meta := n.find("metaData"); meta != nil && k.Description == "" && meta.kind == object {
		if attributes := meta.find("attributes"); attributes != nil && attributes.kind == object {
			k.Description = e.member(attributes, p.in("metaData").in("attributes"), "description")
		}
	}
	if v := n.find("expirationInstant"); v != nil {
		ms, err := strconv.ParseInt(v.text, 10, 64)
		if err != nil || ms <= 0 {
			e.problem(v, p.in("expirationInstant"), "must be an instant in milliseconds since 1970")
		}
		k.ExpirationInstant = wire.Instant(ms)
	}
	if n.find("retrievable") != nil {
		k.Retrievable = new(e.boolean(n, p, "retrievable"))
	}
	return k
}

func (e *expander) permissions(n *node, p place) map[string][]string {
	p = p.in("permissions")
	n = n.find("permissions")
	if n == nil || !e.is(n, p, object) {
		return nil
	}
	e.members(n, p, permissionMembers)
	p = p.in("endpoints")
	n = n.find("endpoints")
	if n == nil || !e.is(n, p, object) {
		return nil
	}
	permissions := make(map[string][]string, len(n.members))
	for _, m := range n.members {
		if !e.is(m.value, p.in(m.name), array) {
			continue
		}
		methods := make([]string, 0, len(m.value.items))
		for i, v := range m.value.items {
			if e.is(v, p.in(m.name).at(i), text) {
				methods = append(methods, v.text)
			}
		}
		permissions[m.name] = methods
	}
	return permissions
}

func (e *expander) loadRequests(n *node) []Request {
	p := place{}.in("requests")
	if n != nil && n.kind == text {
		n = e.value(n, p)
	}
	if n == nil || !e.is(n, p, array) {
		return nil
	}
	requests := make([]Request, 0, len(n.items))
	for i, item := range n.items {
		p := place{where: fmt.Sprintf("request %d", i+1)}
		if item = e.value(item, p); e.is(item, p, object) {
			requests = append(requests, e.loadRequest(item, p))
		}
	}
	return requests
}

func (e *expander) loadRequest(n *node, p place) Request {
	e.members(n, p, requestMembers)
	r := Request{
		Method:      strings.ToUpper(e.member(n, p, "method")),
		URL:         e.member(n, p, "url"),
		TenantID:    e.uuid(n, p, "tenantId"),
		ContentType: e.member(n, p, "contentType"),
	}
	if !slices.Contains([]string{"POST", "PUT", "PATCH"}, r.Method) {
		e.problem(firstNode(n.find("method"), n), p.in("method"), "must be POST, PUT or PATCH")
	}
	if r.URL != "" && !strings.HasPrefix(r.URL, "/") && !strings.Contains(r.URL, "://") {
		e.warning(n.find("url"), p.in("url"), "does not begin with a slash; it is read as if it did")
		r.URL = "/" + r.URL
	}
	if wrong := checkURL(r.URL); wrong != "" {
		e.problem(firstNode(n.find("url"), n), p.in("url"), "%s", wrong)
	}
	media := "application/json"
	if r.ContentType != "" {
		var err error
		if media, _, err = mime.ParseMediaType(r.ContentType); err != nil || !strings.Contains(media, "/") {
			e.problem(n.find("contentType"), p.in("contentType"), "must be a media type such as application/json")
		}
	}
	if body := n.find("body"); body != nil {
		if body.kind == text && media != "application/json" && !strings.HasSuffix(media, "+json") {
			r.Body = []byte(body.text)
		} else {
			var b bytes.Buffer
			body.encode(&b)
			r.Body = b.Bytes()
		}
		r.secrets = secrets(body, false, nil)
		if r.ContentType == "" {
			r.ContentType = media
		}
	}
	return r
}

// checkURL returns what is wrong with the URL of a request.
func checkURL(s string) string {
	switch {
	case s == "":
		return "is missing"
	case !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//"):
		return "must be relative to the server and begin with one slash, such as /api/user"
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return "must not contain spaces or control characters"
	case strings.Contains(s, "#"):
		return "must not contain a fragment (#)"
	}
	if _, err := url.ParseRequestURI(s); err != nil {
		return "is no URL: check its percent signs"
	}
	return ""
}

// members warns about members that mean nothing here.
func (e *expander) members(n *node, p place, known []string) {
	for _, m := range n.members {
		if slices.Contains(known, m.name) {
			continue
		}
		hint := ""
		if near := nearest.Name(m.name, known); near != "" {
			hint = fmt.Sprintf("; did you mean %s?", near)
		}
		e.warning(&node{src: n.src, at: m.at}, p, "member %s means nothing here and is ignored%s", quote(m.name), hint)
	}
}

// is reports a value of the wrong kind.
func (e *expander) is(n *node, p place, want kind) bool {
	if n.kind == want {
		return true
	}
	e.problem(n, p, "must be %s, not %s", want, n.kind)
	return false
}

// member is a member's text; numbers and booleans count by theirs. Absent is "".
func (e *expander) member(n *node, p place, name string) string {
	v := n.find(name)
	if v == nil {
		return ""
	}
	if v.kind == object || v.kind == array {
		e.problem(v, p.in(name), "must be a string, not %s", v.kind)
		v.broken = true // enough said
		return ""
	}
	return v.text
}

func (e *expander) uuid(n *node, p place, name string) string {
	s := e.member(n, p, name)
	if s != "" && !isUUID(s) {
		e.problem(n.find(name), p.in(name), "must be a UUID")
	}
	return strings.ToLower(s)
}

func (e *expander) boolean(n *node, p place, name string) bool {
	switch s := e.member(n, p, name); s {
	case "true":
		return true
	case "false", "":
		return false
	default:
		e.problem(n.find(name), p.in(name), "must be true or false")
		return false
	}
}

func firstNode(nodes ...*node) *node {
	for _, n := range nodes {
		if n != nil {
			return n
		}
	}
	return nil
}

// secrets collects the strings of a body that no error may repeat: those below a member whose name speaks of a secret. An answer that
// quotes its request would otherwise carry them into the log.
func secrets(n *node, hidden bool, found []string) []string {
	switch n.kind {
	case object:
		for _, m := range n.members {
			found = secrets(m.value, hidden || isSecretName(m.name), found)
		}
	case array:
		for _, v := range n.items {
			found = secrets(v, hidden, found)
		}
	case text:
		if hidden && n.text != "" {
			found = append(found, n.text)
		}
	}
	return found
}

func isSecretName(name string) bool {
	name = strings.ToLower(name)
	return name == "key" || name == "salt" || slices.ContainsFunc([]string{"password", "secret", "privatekey", "token", "certificate", "apikey"},
		func(word string) bool { return strings.Contains(name, word) })
}
