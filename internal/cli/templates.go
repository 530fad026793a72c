package cli

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/wire"
)

type templatesCommands struct {
	List    templatesList    `cmd:"" help:"Templates of messages and e-mails."`
	Show    templatesShow    `cmd:"" help:"One template with its texts."`
	Preview templatesPreview `cmd:"" help:"A template with sample values, in a language."`
	Pull    templatesPull    `cmd:"" help:"Write templates to a folder, a file for each text."`
	Push    templatesPush    `cmd:"" help:"Bring the templates of a folder to the server."`
	Diff    templatesDiff    `cmd:"" help:"What push would change."`
}

// template is a message template or an e-mail template.
type template struct {
	message *wire.MessageTemplate
	email   *wire.EmailTemplate
}

func (t template) id() wire.ID {
	if t.message != nil {
		return t.message.ID
	}
	return t.email.ID
}

func (t template) name() string {
	if t.message != nil {
		return t.message.Name
	}
	return t.email.Name
}

func (t template) kind() string {
	if t.message != nil {
		return string(t.message.Type)
	}
	return "Email"
}

// object is the template as the API has it, with its name there.
func (t template) object() (name string, object any) {
	if t.message != nil {
		return "messageTemplate", t.message
	}
	return "emailTemplate", t.email
}

func (t template) locales() []string {
	if t.message != nil {
		return slices.Sorted(maps.Keys(t.message.LocalizedTemplates))
	}
	return slices.Sorted(maps.Keys(t.email.LocalizedTextTemplates))
}

var templateKind = kind[template]{what: "template", id: template.id, names: func(t template) []string { return []string{t.path(), t.name()} }}

// path is the folder that a template has among others, and a name that no other has: "email/Forgot Password".
func (t template) path() string {
	above := "email"
	if t.message != nil {
		above = "message"
	}
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || r < ' ' {
			return '_'
		}
		return r
	}, t.name())
	if strings.Trim(name, ". ") == "" {
		name = string(t.id())
	}
	return above + "/" + name
}

// templates are all of both kinds.
func (s *session) templates(ctx context.Context) iter.Seq2[template, error] {
	return func(yield func(template, error) bool) {
		for m, err := range s.Templates.ListMessages(ctx) {
			if !yield(template{message: &m}, err) || err != nil {
				return
			}
		}
		for e, err := range s.Templates.ListEmails(ctx) {
			if !yield(template{email: &e}, err) || err != nil {
				return
			}
		}
	}
}

// templateArg is the argument of commands about one template.
type templateArg struct {
	Template string `arg:"" help:"The template: its name, its id or a part of them that no other has; message/NAME or email/NAME where both kinds have one."`
}

func (a templateArg) find(ctx context.Context, s *session) (template, error) {
	return pick(templateKind, a.Template, s.templates(ctx))
}

type templatesList struct {
	remote
	limited
}

func (templatesList) Help() string { return "Examples:\n\n  herald templates list" }

// MarshalJSON is that of the template as the API has it.
func (t template) MarshalJSON() ([]byte, error) {
	_, object := t.object()
	return encodeJSON(object, "")
}

func (c templatesList) Run(ctx context.Context, s *session) error {
	return list(s, whole("templates", s.templates(ctx)), c.Limit,
		col("NAME", template.name),
		col("KIND", template.kind),
		col("LOCALES", func(t template) string { return strings.Join(append([]string{"default"}, t.locales()...), ", ") }),
		col("ID", func(t template) string { return short(t.id()) }),
	)
}

type templatesShow struct {
	remote
	templateArg
}

func (templatesShow) Help() string {
	return "Examples:\n\n  herald templates show 'Forgot password'\n  herald templates show two-factor -o json"
}

func (c templatesShow) Run(ctx context.Context, s *session) error {
	t, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	name, object := t.object()
	return s.one(name, object, func() {
		s.fields("Template", t.name(), "Id", string(t.id()), "Kind", t.kind())
		for _, file := range t.files() {
			s.heading(file.name)
			fmt.Fprintln(s, printableLines(strings.TrimRight(file.text, "\n")))
		}
	})
}

type templatesPreview struct {
	remote
	templateArg
	Locale string `placeholder:"LOCALE" help:"The language, such as de or fr_CA. Default: the first that the user prefers and the template has, else the default text."`
	User   string `placeholder:"USER" help:"With the values of this user: e-mail address, user name or id. Default: somebody made up."`
	Tenant string `placeholder:"TENANT" help:"Whose user. Default: the only tenant there is."`
}

func (templatesPreview) Help() string {
	return `Codes and links in it are samples. For an SMS it says how many segments the text is, in which encoding. Status 1 when the template has a mistake.

Examples:

  herald templates preview two-factor --locale de
  herald templates preview two-factor --user ana@example.com`
}

func (c templatesPreview) Run(ctx context.Context, s *session) error {
	t, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	locales := []string{c.Locale}
	var values wire.Object
	if c.User != "" {
		u, tenant, err := s.userAndTenant(ctx, c.User, c.Tenant)
		if err != nil {
			return err
		}
		values = wire.Object{"user": u, "tenant": tenant}
		if c.Locale == "" && len(u.PreferredLanguages) > 0 {
			locales = u.PreferredLanguages
		}
	}
	var p shownPreview
	for _, locale := range locales {
		if p, err = s.preview(ctx, t, locale, values); err != nil || p.locale != "" {
			break
		}
	}
	if err != nil {
		return err
	}
	if err := s.answer(p.answer, func() { p.show(s) }); err != nil {
		return err
	}
	if len(p.wrong.FieldErrors)+len(p.wrong.GeneralErrors) > 0 {
		for _, text := range (&client.Error{Errors: p.wrong}).Messages() {
			s.say("%s", text)
		}
		return errFound
	}
	return nil
}

// shownPreview is a preview of either kind of template.
type shownPreview struct {
	answer any // as the API gives it
	locale string
	wrong  wire.Errors
	show   func(s *session)
}

func (s *session) preview(ctx context.Context, t template, locale string, values wire.Object) (shownPreview, error) {
	if t.message != nil {
		p, err := s.Templates.PreviewMessage(ctx, wire.MessageTemplatePreviewRequest{MessageTemplate: *t.message, Locale: locale, Values: values})
		return shownPreview{p, p.Locale, p.Errors, func(s *session) {
			if p.PreviewMessage != "" {
				fmt.Fprintf(s, "%-52s  %s\n", printableLines(p.PreviewMessage), s.paint(faint, "("+strings.Join(aboutText(p), "; ")+")"))
			}
		}}, err
	}
	p, err := s.Templates.PreviewEmail(ctx, wire.EmailTemplatePreviewRequest{EmailTemplate: *t.email, Locale: locale, Values: values})
	return shownPreview{p, p.Locale, p.Errors, func(s *session) {
		s.fields("Subject", p.Email.Subject, "Language", cmp.Or(p.Locale, "default"))
		fmt.Fprintf(s, "\n%s\n", printableLines(p.Email.Text))
	}}, err
}

// aboutText says in which language a text is, and what it is for a phone.
func aboutText(p wire.MessageTemplatePreviewResponse) []string {
	about := []string{cmp.Or(p.Locale, "default")}
	if p.SMS != nil {
		about = append(about, fmt.Sprintf("%s, %s", counts(p.SMS.Segments, "SMS segment"), p.SMS.Encoding))
	}
	return about
}
