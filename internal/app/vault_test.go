package app_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/key"
)

// vault is a server in which a test plants secrets. It remembers all that the server says, so that afterwards the test can look for them in there, and in all that the server
// keeps.
type vault struct {
	*apptest.Server

	t       *testing.T
	folder  string // of the store's files, which also hold what was deleted; empty with PostgreSQL
	log     lines
	told    []place
	secrets []*planted
}

type object = map[string]any

// planted is a secret.
type planted struct {
	what      string // it is
	text      string
	spellings []string
}

// place is something that is kept or told.
type place struct {
	name    string // answer GET /api/x/{} 200; table x.y; file x; event x; log
	content string
}

// permit lets secrets stand in places. Both are regular expressions that match the whole name.
type permit struct {
	what, place string
	why         string
}

// newVault starts a server that logs all it can.
func newVault(t *testing.T, engine db.Engine, options ...apptest.Option) *vault {
	t.Helper()
	v := &vault{t: t}
	v.Server = apptest.Start(t, engine, append(options, func(o *app.Options) {
		o.Logger = slog.New(slog.NewJSONHandler(&v.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		if engine == db.SQLite {
			v.folder = o.Settings.Data
		}
	})...)
	v.plant("API key of the test", apptest.Key)
	return v
}

// plant remembers a secret, with more spellings than those that every text has, and returns it.
func (v *vault) plant(what, text string, more ...string) string {
	v.t.Helper()
	if len(text) < window {
		v.t.Fatalf("the %s %q is too short to be told from other texts", what, text)
	}
	if !slices.ContainsFunc(v.secrets, func(s *planted) bool { return s.text == text }) {
		v.secrets = append(v.secrets, &planted{what, text, append(spellings(text), more...)})
	}
	return text
}

// spellings are the forms in which a text is looked for: as it is, in JSON, in a URL, in groups of digits, in hexadecimal, and as a part of something in base64.
func spellings(text string) []string {
	written := []string{text}
	for _, escapeHTML := range []bool{false, true} {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(escapeHTML)
		_ = e.Encode(text)
		quoted := strings.TrimSpace(b.String())
		written = append(written, quoted[1:len(quoted)-1])
	}
	all := append(written, url.QueryEscape(text), url.PathEscape(text))
	if half := len(text) / 2; strings.Trim(text, "0123456789") == "" {
		all = append(all, text[:half]+" "+text[half:], text[:half]+"-"+text[half:], strings.Join(strings.Split(text, ""), " "))
	}
	for _, form := range written {
		all = append(all, hex.EncodeToString([]byte(form)), strings.ToUpper(hex.EncodeToString([]byte(form))))
		// Of base64, what does not depend on the bytes before and behind, for each of the three places where the text can begin.
		for before := range 3 {
			encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), form...))
			part := encoded[(before*8+5)/6 : (before+len(form))*8/6]
			all = append(all, part, strings.NewReplacer("+", "-", "/", "_").Replace(part))
		}
	}
	return all
}

var anyID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// call is Call, and remembers the answer.
func (v *vault) call(method, path string, body any, header ...string) apptest.Answer {
	v.t.Helper()
	a := v.Call(method, path, body, header...)
	route, _, _ := strings.Cut(path, "?")
	route = anyID.ReplaceAllString(route, "{}")
	for _, s := range v.secrets {
		route = strings.ReplaceAll(route, s.text, "{}")
	}
	v.told = append(v.told, place{fmt.Sprintf("answer %s %s %d", method, route, a.Status), string(a.Body)})
	return a
}

// anonymous is call without an API key.
func (v *vault) anonymous(method, path string, body any) apptest.Answer {
	v.t.Helper()
	return v.call(method, path, body, "Authorization", "")
}

// kept is all that is on the server's disk, and what its log says.
func (v *vault) kept() []place {
	v.t.Helper()
	all := []place{{"log", v.log.String()}}
	for _, table := range dbtest.Everything(v.t, v.App.Store()) {
		for i, column := range table.Columns {
			var content strings.Builder
			for _, row := range table.Rows {
				content.WriteString(row[i] + "\n")
			}
			all = append(all, place{"table " + table.Name + "." + column, content.String()})
		}
	}
	if v.folder == "" {
		return all
	}
	entries, err := os.ReadDir(v.folder)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(v.folder, entry.Name()))
		if err != nil {
			v.t.Fatal(err)
		}
		if entry.Name() != key.File {
			all = append(all, place{"file " + entry.Name(), string(content)})
		}
	}
	return all
}

// window is how many bytes are compared at first. No secret is shorter.
const window = 8

// folded is where a line of an e-mail in quoted-printable was broken, as it is and in JSON.
var folded = regexp.MustCompile(`=(\r|\\r)?(\n|\\n| )`)

// find calls found for each secret in each place.
func (v *vault) find(places []place, found func(s *planted, p place, around string)) {
	index := map[string][]*planted{}
	for _, s := range v.secrets {
		for _, spelling := range s.spellings {
			index[spelling[:window]] = append(index[spelling[:window]], s)
		}
	}
	for _, p := range places {
		seen := map[*planted]bool{}
		for _, content := range []string{p.content, folded.ReplaceAllString(p.content, "")} {
			for at := 0; at+window <= len(content); at++ {
				for _, s := range index[content[at:at+window]] {
					if !seen[s] && slices.ContainsFunc(s.spellings, func(spelling string) bool { return begins(content, at, spelling) }) {
						seen[s] = true
						found(s, p, content[max(0, at-100):min(len(content), at+50)])
					}
				}
			}
		}
	}
}

// begins tells whether a spelling begins at a place in a text. One of digits alone has none as its neighbours, or it would be found within instants.
func begins(content string, at int, spelling string) bool {
	if !strings.HasPrefix(content[at:], spelling) {
		return false
	}
	digit := func(i int) bool { return i >= 0 && i < len(content) && content[i] >= '0' && content[i] <= '9' }
	return strings.Trim(spelling, "0123456789") != "" || !digit(at-1) && !digit(at+len(spelling))
}

// search fails the test for each secret that stands where it is not permitted to, and for each permit that permits nothing.
func (v *vault) search(more []place, permits ...permit) {
	v.t.Helper()
	used := make([]bool, len(permits))
	permitted := func(what, place string) (ok bool) {
		for i, p := range permits {
			if matches(p.what, what) && matches(p.place, place) {
				used[i], ok = true, true
			}
		}
		return ok
	}
	inTables, reported := map[*planted]bool{}, map[string]bool{}
	v.find(slices.Concat(v.told, more, v.kept()), func(s *planted, p place, around string) {
		if permitted(s.what, p.name) {
			inTables[s] = inTables[s] || strings.HasPrefix(p.name, "table ")
			return
		}
		if strings.HasPrefix(p.name, "file ") && inTables[s] { // it is that of a table, which comes first
			return
		}
		if report := fmt.Sprintf("the %s is in %s", s.what, p.name); !reported[report] {
			reported[report] = true
			v.t.Errorf("%s: …%q…", report, around)
		}
	})
	for i, p := range permits {
		if !used[i] {
			v.t.Errorf("nothing needs the permit for the %s in %s", p.what, p.place)
		}
	}
}

func matches(pattern, name string) bool {
	return regexp.MustCompile("^(?:" + pattern + ")$").MatchString(name)
}
