package ui

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/herald-events/herald/wire"
)

var preferenceRoutes = []route{
	{"POST /admin/preferences", signedIn, "", 0, (*server).prefer},
}

// preferences are how somebody likes the pages. They are kept in a cookie of the browser, so that the first page is right at once.
type preferences struct {
	Theme, Language, Time, Density string
	// Keys tells whether keys do something: on or off.
	Keys string
	// Tenant narrows every list to one tenant. Empty means all.
	Tenant wire.ID
}

// The values that there are; the first is the default and stands for none in the cookie.
var (
	themes    = []string{"auto", "light", "dark"}
	clocks    = []string{"local", "relative", "utc"}
	densities = []string{"comfortable", "compact"}
	switches  = []string{"on", "off"}
)

const preferencesCookie = "herald_preferences"

func preferencesOf(r *http.Request) (p preferences) {
	var kept url.Values
	if c, err := r.Cookie(preferencesCookie); err == nil {
		kept, _ = url.ParseQuery(c.Value) // what cannot be read means the defaults
	}
	return parsePreferences(kept)
}

func parsePreferences(kept url.Values) preferences {
	one := func(name string, known []string) string {
		if value := kept.Get(name); slices.Contains(known, value) {
			return value
		}
		return known[0]
	}
	return preferences{
		Theme: one("theme", themes), Time: one("time", clocks), Density: one("density", densities), Keys: one("shortcuts", switches),
		Language: one("language", append([]string{""}, languages...)), Tenant: wire.ID(kept.Get("tenant")),
	}
}

func (p preferences) values() url.Values {
	return url.Values{"theme": {p.Theme}, "time": {p.Time}, "density": {p.Density}, "shortcuts": {p.Keys}, "language": {p.Language}, "tenant": {string(p.Tenant)}}
}

// prefer changes what the form names and leads back to where it was sent from.
func (s *server) prefer(v *visit) error {
	if err := v.ParseForm(); err != nil {
		return err
	}
	p := v.preferences
	kept := p.values()
	for name := range kept {
		if given, ok := v.PostForm[name]; ok {
			kept[name] = given
		}
	}
	if id := wire.ID(kept.Get("tenant")); id != "" {
		if exists, err := s.Tenants.Exists(v.Context(), id); err != nil {
			return err
		} else if !exists {
			kept.Del("tenant")
		}
	}
	v.setCookie(preferencesCookie, parsePreferences(kept).values().Encode(), 365*24*60*60) // without what is no preference, however much that is
	v.redirect(v.next())
	return nil
}
