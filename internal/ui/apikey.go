package ui

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

var apiKeyRoutes = []route{
	{"GET /admin/api-key", signedIn, admin.APIKeys, admin.View, (*server).apiKeys},
	{"GET /admin/api-key/add", signedIn, admin.APIKeys, admin.Change, (*server).addAPIKey},
	{"POST /admin/api-key/add", signedIn, admin.APIKeys, admin.Change, (*server).createAPIKey},
	{"GET /admin/api-key/{id}", signedIn, admin.APIKeys, admin.View, (*server).apiKey},
	{"GET /admin/api-key/{id}/edit", signedIn, admin.APIKeys, admin.Change, (*server).editAPIKey},
	{"POST /admin/api-key/{id}/edit", signedIn, admin.APIKeys, admin.Change, (*server).updateAPIKey},
	{"GET /admin/api-key/{id}/show", signedIn, admin.APIKeys, admin.Change, (*server).askShowAPIKey},
	{"POST /admin/api-key/{id}/show", signedIn, admin.APIKeys, admin.Change, (*server).showAPIKey},
	{"GET /admin/api-key/{id}/delete", signedIn, admin.APIKeys, admin.Delete, (*server).askDeleteAPIKey},
	{"POST /admin/api-key/{id}/delete", signedIn, admin.APIKeys, admin.Delete, (*server).deleteAPIKey},
}

// apiKeyRow is a key, never with its text.
type apiKeyRow struct {
	wire.APIKey
	Tenant string // its name, "" for all tenants
}

// Called is what people call it by: its name, else what describes it, else its id.
func (r apiKeyRow) Called() string { return cmp.Or(r.Name, r.Description(), string(r.ID)) }

// Description is one of its attributes.
func (r apiKeyRow) Description() string { return r.MetaData.Attributes["description"] }

// Shows tells whether its text can be shown again.
func (r apiKeyRow) Shows() bool { return r.Retrievable != nil && *r.Retrievable }

// Urgency of its end, for its colour.
func (r apiKeyRow) Urgency(at frame) string {
	return keyRow{Key: wire.Key{ExpirationInstant: r.ExpirationInstant}}.Urgency(at)
}

func (s *server) apiKeyRow(v *visit, k wire.APIKey) (apiKeyRow, error) {
	k.Key = ""
	row := apiKeyRow{APIKey: k}
	if k.TenantID == "" {
		return row, nil
	}
	settings, err := s.Tenants.Settings(v.Context())
	if err != nil {
		return row, err
	}
	t, _ := settings.Find(k.TenantID)
	row.Tenant = cmp.Or(t.Name, string(k.TenantID))
	return row, nil
}

type apiKeysPage struct {
	listing[wire.APIKey]
	Keys []apiKeyRow
	// Narrowed tells that only those of one tenant are shown.
	Narrowed bool
}

func (s *server) apiKeys(v *visit) error {
	all, err := s.APIKeys.List(v.Context(), nil)
	if err != nil {
		return err
	}
	page := apiKeysPage{Narrowed: v.preferences.Tenant != ""}
	if page.Narrowed {
		all = slices.DeleteFunc(all, func(k wire.APIKey) bool { return k.TenantID != v.preferences.Tenant })
	}
	page.listing = listingOf(v, all, func(k wire.APIKey) string {
		return apiKeyRow{APIKey: k}.Called() + "\x00" + apiKeyRow{APIKey: k}.Description() + "\x00" + string(k.ID)
	})
	for _, k := range page.Rows {
		row, err := s.apiKeyRow(v, k)
		if err != nil {
			return err
		}
		page.Keys = append(page.Keys, row)
	}
	return v.show("api-keys", "APIKeys", page)
}

func (s *server) apiKey(v *visit) error {
	row, err := s.loadAPIKey(v)
	if err != nil {
		return err
	}
	return v.show("api-key", "APIKey", row)
}

// loadAPIKey is the key that the path names, and says that the page is about it.
func (s *server) loadAPIKey(v *visit) (apiKeyRow, error) {
	k, err := s.APIKeys.Load(v.Context(), nil, v.id())
	if err != nil {
		return apiKeyRow{}, err
	}
	row, err := s.apiKeyRow(v, k)
	if v.of == "" {
		v.under("APIKeys", "/admin/api-key")
		v.of = row.Called()
	}
	return row, err
}

type apiKeyForm struct {
	apiKeyRow
	New bool
	// Fresh is the id of a new key unless another is given, so that a form that is sent twice makes one key.
	Fresh   wire.ID
	Tenants []option
	Methods []string
	// Rows are the endpoints of the API, Kept what the key may besides: it was made for an API that has more.
	Rows []endpointRow
	Kept []access.Endpoint
}

// endpointRow is an endpoint with a cell for each method.
type endpointRow struct {
	Path  string
	Cells []endpointCell
}

// endpointCell is where a method can be ticked, if the endpoint has it.
type endpointCell struct {
	Method string
	Has    bool
	On     bool
}

// methodsShown are the columns, in the order that people know.
var methodsShown = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

func (s *server) addAPIKey(v *visit) error {
	retrievable := true
	k := wire.APIKey{Retrievable: &retrievable, TenantID: v.preferences.Tenant}
	if source := v.FormValue("from"); source != "" {
		from, err := s.APIKeys.Load(v.Context(), nil, wire.ID(source))
		if err != nil {
			return err
		}
		k.TenantID, k.Permissions, k.MetaData, k.IPAccessControlListID = from.TenantID, from.Permissions, from.MetaData, from.IPAccessControlListID
	}
	return s.showAPIKeyForm(v, k)
}

func (s *server) createAPIKey(v *visit) error {
	var wrong problem.Validation
	given, id, err := s.apiKeyOf(v, wire.APIKey{})
	if err = wrong.Merge(err); err == nil {
		err = wrong.Merge(v.confirm())
	}
	if err == nil {
		err = wrong.Err()
	}
	var made wire.APIKey
	if err == nil {
		id = cmp.Or(id, wire.ID(v.PostFormValue("fresh")), wire.ID(db.NewID()))
		c := v.changing("Created the API key %s", id).of("API key", id)
		c.tenant, c.after = given.TenantID, hidden(given, id)
		made, err = s.APIKeys.Create(c.context(), nil, id, given, access.CreateOptions{AllowKeyManager: true})
	}
	if err != nil {
		return v.again(err, func() error { return s.showAPIKeyForm(v, given) })
	}
	return s.showText(v, made)
}

// hidden is a key as the audit log may have it.
func hidden(k wire.APIKey, id wire.ID) wire.APIKey {
	k.ID, k.Key = id, ""
	return k
}

func (s *server) editAPIKey(v *visit) error {
	row, err := s.loadAPIKey(v)
	if err != nil {
		return err
	}
	return s.showAPIKeyForm(v, row.APIKey)
}

func (s *server) updateAPIKey(v *visit) error {
	if err := v.confirm(); err != nil {
		return v.again(err, func() error { return s.editAPIKey(v) })
	}
	err := update(v, "API key", v.id(), func(ctx context.Context, id wire.ID, edit func(wire.APIKey) (wire.APIKey, error)) (wire.APIKey, error) {
		return s.APIKeys.Update(ctx, nil, id, func(current wire.APIKey) (wire.APIKey, error) { return edit(hidden(current, id)) })
	}, func(current wire.APIKey) (wire.APIKey, error) {
		next, _, err := s.apiKeyOf(v, current)
		return next, err
	})
	if err != nil {
		return v.again(err, func() error { return s.editAPIKey(v) })
	}
	return v.done("APIKeySaved", "/admin/api-key/"+string(v.id()))
}

// apiKeyOf is what the form makes of a key, and the id that it gives.
func (s *server) apiKeyOf(v *visit, current wire.APIKey) (wire.APIKey, wire.ID, error) {
	type request struct {
		KeyID  wire.ID     `json:"keyId,omitzero"`
		APIKey wire.APIKey `json:"apiKey"`
	}
	var given request
	if err := v.fill(request{APIKey: current}, &given); err != nil {
		return current, "", err
	}
	given.APIKey.Permissions = wire.APIKeyPermissions{Endpoints: s.ticked(v, current.Permissions.Endpoints)}
	return given.APIKey, given.KeyID, nil
}

// ticked are the permissions that the form makes of those there were. What the form does not know of stays.
func (s *server) ticked(v *visit, were map[string][]string) map[string][]string {
	next := map[string][]string{}
	for path, methods := range were {
		next[path] = slices.Clone(methods)
	}
	for _, e := range s.Endpoints {
		for _, method := range e.Methods {
			on := slices.Contains(v.PostForm["may"], method+" "+e.Path)
			if at := slices.Index(next[e.Path], method); on && at < 0 {
				next[e.Path] = append(next[e.Path], method)
			} else if !on && at >= 0 {
				if next[e.Path] = slices.Delete(next[e.Path], at, at+1); len(next[e.Path]) == 0 {
					delete(next, e.Path)
				}
			}
		}
	}
	for _, methods := range next {
		slices.Sort(methods)
	}
	if len(next) == 0 {
		return nil
	}
	return next
}

func (s *server) showAPIKeyForm(v *visit, k wire.APIKey) error {
	form := apiKeyForm{apiKeyRow: apiKeyRow{APIKey: k}, New: k.ID == "", Methods: methodsShown, Fresh: wire.ID(cmp.Or(v.PostFormValue("fresh"), db.NewID()))}
	tenants, err := s.Tenants.List(v.Context())
	if err != nil {
		return err
	}
	form.Tenants = []option{{Text: v.text.say("AllTenants")}}
	for _, t := range tenants {
		form.Tenants = append(form.Tenants, option{Value: string(t.ID), Text: t.Name})
	}
	may := k.Permissions.Endpoints
	if v.problem != nil {
		may = s.ticked(v, may)
	}
	left := maps.Clone(may)
	for _, e := range s.Endpoints {
		row := endpointRow{Path: e.Path}
		for _, method := range methodsShown {
			row.Cells = append(row.Cells, endpointCell{method, slices.Contains(e.Methods, method), slices.Contains(may[e.Path], method)})
		}
		form.Rows = append(form.Rows, row)
		others := slices.DeleteFunc(slices.Clone(may[e.Path]), func(method string) bool { return slices.Contains(e.Methods, method) })
		if delete(left, e.Path); len(others) > 0 {
			form.Kept = append(form.Kept, access.Endpoint{Path: e.Path, Methods: others})
		}
	}
	for _, path := range slices.Sorted(maps.Keys(left)) {
		form.Kept = append(form.Kept, access.Endpoint{Path: path, Methods: left[path]})
	}
	if form.New {
		v.under("APIKeys", "/admin/api-key")
		return v.show("api-key-form", "APIKeyAdd", form)
	}
	return v.show("api-key-form", "APIKeyEdit", form)
}

// May are the permissions in the order of their paths.
func (r apiKeyRow) May() (all []access.Endpoint) {
	for _, path := range slices.Sorted(maps.Keys(r.Permissions.Endpoints)) {
		all = append(all, access.Endpoint{Path: path, Methods: r.Permissions.Endpoints[path]})
	}
	return all
}

func (s *server) askShowAPIKey(v *visit) error {
	row, err := s.loadAPIKey(v)
	if err != nil {
		return err
	}
	if !row.Shows() {
		return problem.ErrNotFound
	}
	return v.show("confirm", "APIKeyShow", question{Text: v.text.say("APIKeyShowAbout"), Do: v.text.say("APIKeyShow"), Password: true, Back: "/admin/api-key/" + string(row.ID)})
}

func (s *server) showAPIKey(v *visit) error {
	if err := v.confirm(); err != nil {
		return v.again(err, func() error { return s.askShowAPIKey(v) })
	}
	k, err := s.APIKeys.Load(v.Context(), nil, v.id())
	if err != nil {
		return err
	}
	if k.Key == "" {
		return problem.ErrNotFound
	}
	entry := wire.AuditLog{InsertUser: v.session.Name(), Message: "Showed the API key " + string(k.ID), TenantID: k.TenantID}
	if _, err := s.Journal.CreateAuditLogOf(v.Context(), journal.Object{Kind: "API key", ID: k.ID}, entry, v.info()); err != nil {
		return err
	}
	return s.showText(v, k)
}

type apiKeyText struct {
	apiKeyRow
	Text string
}

// showText shows the text of a key. It is the answer to the form itself, because a page that others could ask for must not have it.
func (s *server) showText(v *visit, k wire.APIKey) error {
	row, err := s.apiKeyRow(v, k)
	if err != nil {
		return err
	}
	v.above, v.of = nil, row.Called()
	v.under("APIKeys", "/admin/api-key")
	return v.show("api-key-text", "APIKeyMade", apiKeyText{row, k.Key})
}

func (s *server) askDeleteAPIKey(v *visit) error {
	row, err := s.loadAPIKey(v)
	if err != nil {
		return err
	}
	return v.show("confirm", "APIKeyDelete", question{Text: v.text.say("APIKeyDeleteAbout"), Do: v.text.say("APIKeyDelete"), Password: true, Back: "/admin/api-key/" + string(row.ID)})
}

func (s *server) deleteAPIKey(v *visit) error {
	row, err := s.loadAPIKey(v)
	if err != nil {
		return err
	}
	if err = v.confirm(); err == nil {
		err = remove(v, "API key", row.ID, row.APIKey, func(ctx context.Context, id wire.ID) error { return s.APIKeys.Delete(ctx, nil, id) })
	}
	if err != nil {
		return v.again(err, func() error { return s.askDeleteAPIKey(v) })
	}
	return v.done("APIKeyDeleted", "/admin/api-key")
}
