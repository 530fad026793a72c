package ui

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed text/*.json
var textFiles embed.FS

// languages are those there are files for; the first is the default.
var languages = []string{"en", "de"}

// bundle is read when the first page is: no command waits for it, and a server that nobody looks at is smaller by ten megabytes.
var bundle = sync.OnceValue(func() *i18n.Bundle {
	b := i18n.NewBundle(language.English)
	b.RegisterUnmarshalFunc("json", json.Unmarshal)
	names, err := fs.Glob(textFiles, "text/*.json")
	if err != nil {
		panic(err)
	}
	for _, name := range names { // log.de.json: the part of the UI, the language
		if _, err := b.LoadMessageFileFS(textFiles, name); err != nil {
			panic(err)
		}
	}
	return b
})

// texts are what people read, in one language.
type texts struct {
	lang string
	*i18n.Localizer
}

var matcher = language.NewMatcher([]language.Tag{language.English, language.German})

// textsFor chooses the language that its user has chosen, or else that the browser prefers.
func textsFor(r *http.Request, chosen string) *texts {
	if slices.Contains(languages, chosen) {
		return &texts{chosen, i18n.NewLocalizer(bundle(), chosen)}
	}
	wanted, _, _ := language.ParseAcceptLanguage(r.Header.Get("Accept-Language")) // what cannot be read means the default
	_, at, _ := matcher.Match(wanted...)
	return &texts{languages[at], i18n.NewLocalizer(bundle(), languages[at])}
}

// say is the text with an id. args are pairs of a name and a value; the value of Count also chooses the plural form. Without such a text it is the
// id: a test makes sure that there is none.
func (t *texts) say(id string, args ...any) string {
	c := &i18n.LocalizeConfig{MessageID: id}
	data := map[string]any{}
	for i := 0; i+1 < len(args); i += 2 {
		name := fmt.Sprint(args[i])
		if data[name] = args[i+1]; name == "Count" {
			c.PluralCount = args[i+1]
		}
	}
	c.TemplateData = data
	s, err := t.Localize(c)
	if err != nil {
		return id
	}
	return s
}
