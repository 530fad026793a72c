package ui

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

// The two kinds of templates have the same screens, which differ in the texts that a template has.
var templateRoutes = slices.Concat(
	templateScreens("/admin/message-template", admin.Messages, messageTemplates),
	templateScreens("/admin/email-template", admin.Emails, emailTemplates),
)

// templates is one kind of templates.
type templates[T any] struct {
	s *server
	// path is that of the screens, noun what the audit log calls a template, member the part of a request that has it, and text what ids of texts begin with.
	path, noun, member, text string
	area                     admin.Area
	store                    templateStore[T]
	parts                    []templatePart[T]
	head                     func(t *T) templateHead
	// read makes of the form a template.
	read func(v *visit, current T) (T, error)
	// preview renders a template that need not be stored.
	preview func(ctx context.Context, t T, locale string, model map[string]any) (preview, error)
}

type templateStore[T any] interface {
	Create(ctx context.Context, id wire.ID, t T) (T, error)
	Load(ctx context.Context, id wire.ID) (T, error)
	List(ctx context.Context) ([]T, error)
	Update(ctx context.Context, id wire.ID, change func(current T) (T, error)) (T, error)
	Delete(ctx context.Context, id wire.ID) error
	UsedBy(ctx context.Context, id wire.ID) ([]string, error)
}

// templateHead is what a template has besides its texts.
type templateHead struct {
	ID        *wire.ID
	Name      *string
	Type      *wire.MessageType // nil for e-mails
	FromEmail *string           // nil for messages
	Updated   wire.Instant
}

// templatePart is one of the texts that a template has in each language.
type templatePart[T any] struct {
	// standard and localized are the members, label the id of a text, rows how many lines an input has, 0 for one that takes a single line.
	standard, localized, label string
	rows                       int
	must                       bool
	text                       func(t *T) *string
	texts                      func(t *T) *wire.Map[string]
}

func messageTemplates(s *server) *templates[wire.MessageTemplate] {
	return &templates[wire.MessageTemplate]{
		s: s, path: "/admin/message-template", noun: "message template", member: "messageTemplate", text: "MessageTemplate", area: admin.Messages, store: s.Templates.Messages(),
		head: func(t *wire.MessageTemplate) templateHead {
			return templateHead{&t.ID, &t.Name, &t.Type, nil, t.LastUpdateInstant}
		},
		parts: []templatePart[wire.MessageTemplate]{{
			"defaultTemplate", "localizedTemplates", "TemplateText", 8, true,
			func(t *wire.MessageTemplate) *string { return &t.DefaultTemplate },
			func(t *wire.MessageTemplate) *wire.Map[string] { return &t.LocalizedTemplates },
		}},
		read: func(v *visit, current wire.MessageTemplate) (wire.MessageTemplate, error) {
			var request wire.MessageTemplateRequest
			err := v.fill(wire.MessageTemplateRequest{MessageTemplate: current}, &request)
			return request.MessageTemplate, err
		},
		preview: func(ctx context.Context, t wire.MessageTemplate, locale string, model map[string]any) (preview, error) {
			text, err := s.Templates.Messages().PreviewWith(ctx, t, locale, model)
			p := preview{Text: text.Text}
			if t.Type == wire.SMS && err == nil {
				sms := messenger.Segments(text.Text)
				p.SMS = &sms
			}
			return p, err
		},
	}
}

func emailTemplates(s *server) *templates[wire.EmailTemplate] {
	type mail = wire.EmailTemplate
	return &templates[mail]{
		s: s, path: "/admin/email-template", noun: "e-mail template", member: "emailTemplate", text: "EmailTemplate", area: admin.Emails, store: s.Templates.Emails(),
		head: func(t *mail) templateHead {
			return templateHead{&t.ID, &t.Name, nil, &t.FromEmail, t.LastUpdateInstant}
		},
		parts: []templatePart[mail]{
			{
				"defaultSubject", "localizedSubjects", "TemplateSubject", 0, true,
				func(t *mail) *string { return &t.DefaultSubject }, func(t *mail) *wire.Map[string] { return &t.LocalizedSubjects },
			},
			{
				"defaultFromName", "localizedFromNames", "TemplateFromName", 0, false,
				func(t *mail) *string { return &t.DefaultFromName }, func(t *mail) *wire.Map[string] { return &t.LocalizedFromNames },
			},
			{
				"defaultHtmlTemplate", "localizedHtmlTemplates", "TemplateHTML", 16, true,
				func(t *mail) *string { return &t.DefaultHTMLTemplate }, func(t *mail) *wire.Map[string] { return &t.LocalizedHTMLTemplates },
			},
			{
				"defaultTextTemplate", "localizedTextTemplates", "TemplateText", 10, true,
				func(t *mail) *string { return &t.DefaultTextTemplate }, func(t *mail) *wire.Map[string] { return &t.LocalizedTextTemplates },
			},
		},
		read: func(v *visit, current mail) (mail, error) {
			v.showsMail()
			var request wire.EmailTemplateRequest
			err := v.fill(wire.EmailTemplateRequest{EmailTemplate: current}, &request)
			return request.EmailTemplate, err
		},
		preview: func(ctx context.Context, t mail, locale string, model map[string]any) (preview, error) {
			m, err := s.Templates.Emails().PreviewWith(ctx, t, locale, model)
			p := preview{Text: m.Text, Mail: &m}
			if m.HTML != "" {
				p.Frame, p.Pictures = mailDocument(m.HTML)
			}
			return p, err
		},
	}
}

// preview is what comes of a template in one language.
type preview struct {
	Text string
	// SMS counts the text of a message to a phone, nil for others.
	SMS *messenger.SMS
	// Mail is nil for messages. Frame is its HTML part for a sandboxed frame, Pictures how many that leaves out.
	Mail     *template.Mail
	Frame    string
	Pictures int
	Problems []templateProblem
}

// templateProblem is what is wrong with a text, and where. Line is 0 where the place is not known.
type templateProblem struct {
	Message      string
	Line, Column int
	// Source is that line, Mark what points at the column below it.
	Source, Mark string
}

// Character names what makes a text Unicode.
func (p preview) Character() string { return string(p.SMS.Unicode) }

func templateScreens[T any](path string, area admin.Area, kind func(s *server) *templates[T]) []route {
	on := func(do func(k *templates[T], v *visit) error) func(*server, *visit) error {
		return func(s *server, v *visit) error { return do(kind(s), v) }
	}
	return []route{
		{"GET " + path, signedIn, area, admin.View, on((*templates[T]).list)},
		{"GET " + path + "/add", signedIn, area, admin.Change, on((*templates[T]).add)},
		{"POST " + path + "/add", signedIn, area, admin.Change, on((*templates[T]).create)},
		{"POST " + path + "/preview", signedIn, area, admin.Change, on((*templates[T]).redraw)},
		{"GET " + path + "/{id}", signedIn, area, admin.View, on((*templates[T]).edit)},
		{"POST " + path + "/{id}", signedIn, area, admin.Change, on((*templates[T]).update)},
		{"GET " + path + "/{id}/history", signedIn, area, admin.View, on((*templates[T]).history)},
		{"GET " + path + "/{id}/history/{entry}", signedIn, area, admin.View, on((*templates[T]).version)},
		{"POST " + path + "/{id}/history/{entry}", signedIn, area, admin.Change, on((*templates[T]).restore)},
		{"GET " + path + "/{id}/delete", signedIn, area, admin.Delete, on((*templates[T]).askDelete)},
		{"POST " + path + "/{id}/delete", signedIn, area, admin.Delete, on((*templates[T]).delete)},
	}
}

type templatesPage struct {
	listing[templateRow]
	// Kind is what ids of texts begin with.
	Path, Kind string
	Area       admin.Area
}

type templateRow struct {
	templateHead
	Locales []string
}

func (k *templates[T]) list(v *visit) error {
	all, err := k.store.List(v.Context())
	if err != nil {
		return err
	}
	var rows []templateRow
	for _, t := range all {
		rows = append(rows, templateRow{k.head(&t), k.locales(&t)})
	}
	page := templatesPage{Path: k.path, Kind: k.text, Area: k.area}
	page.listing = listingOf(v, rows, func(t templateRow) string { return *t.Name + "\x00" + string(*t.ID) })
	return v.show("templates", k.text+"s", page)
}

// locales are those that the template has any text in.
func (k *templates[T]) locales(t *T) []string {
	all := map[string]bool{}
	for _, p := range k.parts {
		for locale := range *p.texts(t) {
			all[locale] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// editor is the page of one template.
type editor struct {
	templateHead
	Area               admin.Area
	Path, Member, Text string
	New, Locked        bool
	Types              []option
	Tabs               []editorTab
	// Missing are languages that other templates have.
	Missing []string
	// Samples is what the previews are made with, as JSON, User whose values are among them.
	Samples, User string
	MayPick       bool
	Variables     []template.Variable
}

// NameNow, TypeNow and FromNow are the values of the head.
func (e editor) NameNow() string { return *e.Name }

func (e editor) TypeNow() string { return string(*e.Type) }

func (e editor) FromNow() string { return *e.FromEmail }

// editorTab is the template in one language, "" for the default texts.
type editorTab struct {
	Locale, ID string
	// Opened marks the one that is shown first.
	Opened  bool
	Fields  []editorField
	Preview preview
}

type editorField struct {
	Path, Label, Value string
	Rows               int
	Must               bool
}

func (k *templates[T]) add(v *visit) error {
	var t T
	if source := v.FormValue("from"); source != "" {
		from, err := k.store.Load(v.Context(), wire.ID(source))
		if err != nil {
			return err
		}
		t = from
		h := k.head(&t)
		*h.ID, *h.Name = "", ""
	} else if h := k.head(&t); h.Type != nil {
		*h.Type = wire.SMS
	}
	return k.show(v, t, true)
}

func (k *templates[T]) create(v *visit) error {
	var none T
	t, err := k.read(v, none)
	if done, shown := k.aside(v, t, err, true); done {
		return shown
	}
	id := *k.head(&t).ID
	if err == nil {
		id, err = create(v, k.noun, id, t, k.store.Create)
	}
	if err != nil {
		return v.again(err, func() error { return k.show(v, t, true) })
	}
	return v.done("TemplateCreated", k.path+"/"+string(id))
}

func (k *templates[T]) edit(v *visit) error {
	t, err := k.store.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	return k.show(v, t, false)
}

func (k *templates[T]) update(v *visit) error {
	stored, err := k.store.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	t, err := k.read(v, stored)
	if done, shown := k.aside(v, t, err, false); done {
		return shown
	}
	if err == nil {
		err = update(v, k.noun, v.id(), k.store.Update, func(current T) (T, error) { return k.read(v, current) })
	}
	if err != nil {
		return v.again(err, func() error { return k.show(v, t, false) })
	}
	return v.done("TemplateSaved", k.path+"/"+string(v.id()))
}

// aside shows the form again as it was entered, where one of its buttons asks for something else than to save it: another language, or a preview.
func (k *templates[T]) aside(v *visit, t T, filled error, isNew bool) (done bool, err error) {
	_, given := v.PostForm["add"]
	if !given && v.PostFormValue("show") == "" {
		return false, nil
	}
	if filled != nil {
		return true, v.again(filled, func() error { return k.show(v, t, isNew) })
	}
	v.problem = &problem.Error{}
	if given {
		locale := v.adds()
		var wrong problem.Validation
		wrong.Check(isLocale.MatchString(locale), "locale", "invalid", "%s", v.text.say("LocaleMissing")) // the domain says whether there is such a language
		if err := wrong.Err(); err != nil {
			return true, v.again(err, func() error { return k.show(v, t, isNew) })
		}
		for _, p := range k.parts { // begins as the default text, to be translated
			texts := p.texts(&t)
			if *texts = maps.Clone(*texts); *texts == nil {
				*texts = wire.Map[string]{}
			}
			if _, there := (*texts)[locale]; !there && (p.must || *p.text(&t) != "") {
				(*texts)[locale] = *p.text(&t)
			}
		}
	}
	return true, k.show(v, t, isNew)
}

// adds is the language that a button of the form adds, "" for none.
func (v *visit) adds() string {
	if _, given := v.PostForm["add"]; !given {
		return ""
	}
	return strings.TrimSpace(cmp.Or(v.PostFormValue("add"), v.PostFormValue("locale")))
}

var isLocale = regexp.MustCompile(`^[A-Za-z0-9_#-]{1,64}$`)

// redraw renders the preview of one language, as the form says.
func (k *templates[T]) redraw(v *visit) error {
	var current T
	if id := v.FormValue("of"); id != "" {
		stored, err := k.store.Load(v.Context(), wire.ID(id))
		if err != nil {
			return err
		}
		current = stored
	}
	t, err := k.read(v, current)
	shown := preview{}
	if err == nil {
		var model map[string]any
		if model, _, _, err = k.model(v); err == nil {
			shown, err = k.previewed(v, t, v.URL.Query().Get("locale"), model)
		}
	}
	if p, ok := problem.As(err); ok && p.Kind == problem.Invalid {
		for _, f := range p.Fields {
			shown.Problems = append(shown.Problems, templateProblem{Message: f.Message})
		}
		err = nil
	}
	if err != nil {
		return err
	}
	return v.part("template", "preview", shown)
}

// previewed is a preview with what is wrong with the template in it.
func (k *templates[T]) previewed(v *visit, t T, locale string, model map[string]any) (preview, error) {
	shown, err := k.preview(v.Context(), t, locale, model)
	p, ok := problem.As(err)
	if err == nil || !ok || p.Kind != problem.Invalid {
		return shown, err
	}
	for _, f := range p.Fields {
		wrong := templateProblem{Message: f.Message}
		var here bool
		if wrong.Line, wrong.Column, here = template.Place(f.Message); here {
			wrong.point(k.source(&t, f.Field))
		}
		shown.Problems = append(shown.Problems, wrong)
	}
	return shown, nil
}

// source is the text at the path of a problem.
func (k *templates[T]) source(t *T, path string) string {
	for _, p := range k.parts {
		if path == k.member+"."+p.standard {
			return *p.text(t)
		}
		for locale, text := range *p.texts(t) {
			if path == k.member+"."+p.localized+"["+locale+"]" {
				return text
			}
		}
	}
	return ""
}

// longestSource is how much of a line a problem shows, in characters.
const longestSource = 120

// point finds the line that is meant in the text.
func (p *templateProblem) point(text string) {
	lines := strings.Split(text, "\n")
	if p.Line > len(lines) {
		return
	}
	line := []rune(strings.ReplaceAll(lines[p.Line-1], "\t", " "))
	at := min(p.Column-1, len(line))
	from := max(0, at-longestSource/2)
	p.Source = string(line[from:min(len(line), from+longestSource)])
	p.Mark = strings.Repeat(" ", at-from) + "^"
}

// model is what previews are made with: the samples of the form, with the values of the user it names.
func (k *templates[T]) model(v *visit) (model map[string]any, samples, user string, err error) {
	samples, user = v.PostFormValue("samples"), strings.TrimSpace(v.PostFormValue("user"))
	if samples == "" {
		if samples, err = template.SampleText(template.Sample()); err != nil {
			return nil, "", "", err
		}
	}
	if model, err = template.ReadSample("samples", samples); err != nil || user == "" || !v.session.May(admin.Users, admin.View) {
		return model, samples, user, err
	}
	found, err := k.s.sampleUser(v, user)
	if err != nil {
		return nil, samples, user, err
	}
	tenant, err := k.s.Tenants.Load(v.Context(), found.TenantID)
	if err != nil {
		return nil, samples, user, err
	}
	own, err := template.Model(&found.User, &tenant, nil)
	if err != nil {
		return nil, samples, user, err
	}
	text, err := template.SampleText(own)
	if err != nil {
		return nil, samples, user, err
	}
	read, err := template.ReadSample("user", text)
	maps.Copy(model, read)
	return model, samples, user, err
}

// sampleUser finds a user by id, or by what they log in with to the chosen tenant or to the default one.
func (s *server) sampleUser(v *visit, text string) (u *identity.User, err error) {
	if id, ok := body.ParseID(text); ok {
		u, err = s.Users.Load(v.Context(), id)
	} else {
		tenant := v.preferences.Tenant
		if tenant == "" {
			if tenant, err = s.Tenants.DefaultID(v.Context()); err != nil {
				return nil, err
			}
		}
		u, err = s.userNamed(v, tenant, text)
	}
	if errors.Is(err, problem.ErrNotFound) {
		var wrong problem.Validation
		wrong.Field("user", "invalid", "%s", v.text.say("NoSampleUser"))
		err = wrong.Err()
	}
	return u, err
}

func (k *templates[T]) show(v *visit, t T, isNew bool) error {
	if k.area == admin.Emails {
		v.showsMail()
	}
	page := editor{
		templateHead: k.head(&t), Area: k.area, Path: k.path, Member: k.member, Text: k.text, New: isNew, Locked: !v.session.May(k.area, admin.Change), MayPick: v.session.May(admin.Users, admin.View),
	}
	for _, kind := range []wire.MessageType{wire.SMS, wire.Voice} {
		page.Types = append(page.Types, option{Value: string(kind), Text: string(kind)})
	}
	model, samples, user, err := k.model(v)
	page.Samples, page.User = samples, user
	if p, ok := problem.As(err); ok && p.Kind == problem.Invalid {
		if v.problem == nil {
			v.problem = &problem.Error{Kind: problem.Invalid}
		}
		v.problem.Fields = append(slices.Clone(v.problem.Fields), p.Fields...)
		model = template.Sample()
	} else if err != nil {
		return err
	}
	page.Variables = template.Variables(model)
	for i, locale := range append([]string{""}, k.locales(&t)...) {
		tab := editorTab{Locale: locale, ID: "texts-" + string(rune('a'+i%26)) + strings.Repeat("x", i/26)}
		tab.Opened = locale != "" && locale == v.adds()
		for _, p := range k.parts {
			in := editorField{Path: k.member + "." + p.standard, Label: p.label, Value: *p.text(&t), Rows: p.rows, Must: p.must}
			if locale != "" {
				in.Path, in.Value = k.member+"."+p.localized+"["+locale+"]", (*p.texts(&t))[locale]
			}
			tab.Fields = append(tab.Fields, in)
		}
		if !isNew || v.Method == "POST" || v.FormValue("from") != "" {
			if tab.Preview, err = k.previewed(v, t, locale, model); err != nil {
				return err
			}
		}
		page.Tabs = append(page.Tabs, tab)
	}
	if page.Missing, err = k.missing(v, &t); err != nil {
		return err
	}
	v.under(k.text+"s", k.path)
	if isNew {
		return v.show("template", k.text+"Add", page)
	}
	v.of = *page.Name
	return v.show("template", k.text, page)
}

// missing are the languages of other templates of the kind that this one lacks.
func (k *templates[T]) missing(v *visit, t *T) ([]string, error) {
	all, err := k.store.List(v.Context())
	lacks := map[string]bool{}
	for i := range all {
		for _, locale := range k.locales(&all[i]) {
			lacks[locale] = true
		}
	}
	for _, locale := range k.locales(t) {
		delete(lacks, locale)
	}
	return slices.Sorted(maps.Keys(lacks)), err
}

func (k *templates[T]) askDelete(v *visit) error {
	t, err := k.store.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	by, err := k.store.UsedBy(v.Context(), v.id())
	if err != nil {
		return err
	}
	q := question{Text: v.text.say("TemplateDeleteAbout"), Do: v.text.say("TemplateDelete"), Back: k.path + "/" + string(v.id())}
	if len(by) > 0 {
		q.Text, q.Effects, q.Do = v.text.say("TemplateInUse"), by, ""
	}
	v.under(k.text+"s", k.path)
	v.of = *k.head(&t).Name
	return v.show("confirm", "TemplateDelete", q)
}

func (k *templates[T]) delete(v *visit) error {
	t, err := k.store.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	if err := remove(v, k.noun, v.id(), t, k.store.Delete); err != nil {
		return v.again(err, func() error { return k.askDelete(v) })
	}
	return v.done("TemplateDeleted", k.path)
}
