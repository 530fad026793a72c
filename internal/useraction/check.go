package useraction

import (
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

// Bounds.
const (
	longestComment = 10_000 // characters
	mostOptions    = 100
	mostApps       = 100
)

// check normalizes a user action and adds everything that is wrong with it but its id.
func (s *Definitions) check(tx *db.Tx, v *problem.Validation, d *wire.UserAction) error {
	const path = "userAction"
	if v.Name(path+".name", "A user action", &d.Name) {
		taken, err := definitionNamed(tx, d.Name, d.ID)
		if err != nil {
			return err
		}
		v.Check(!taken, path+".name", "duplicate", "There is a user action with the name %q already; case does not count.", d.Name)
	}
	d.LocalizedNames = template.CheckNames(v, path+".localizedNames", d.LocalizedNames)
	v.Check(d.Temporal || !d.PreventLogin, path+".preventLogin", "invalid", "Only an action that lasts for a time (temporal) can prevent a login.")
	v.Check(!d.Temporal || len(d.Options) == 0, path+".options", "invalid", "An action that lasts for a time (temporal) has no options.")
	checkOptions(v, d.Options)
	switch d.TransactionType {
	case "":
		d.TransactionType = wire.None
	case wire.None, wire.Any, wire.SimpleMajority, wire.SuperMajority, wire.AbsoluteMajority:
	default:
		v.Field(path+".transactionType", "invalid", "The transaction type is None, Any, SimpleMajority, SuperMajority or AbsoluteMajority, not %.64q.", d.TransactionType)
	}
	if d.SendEndEvent == nil {
		yes := true
		d.SendEndEvent = &yes
	}
	for _, t := range templatesOf(d) {
		exists, err := s.templates.HasEmail(tx, t.id)
		if err != nil {
			return err
		}
		v.Check(exists, path+"."+t.member, "invalid", "There is no e-mail template with the id %s.", t.id)
	}
	return nil
}

func checkOptions(v *problem.Validation, options []wire.UserActionOption) {
	const path = "userAction.options"
	v.Check(len(options) <= mostOptions, path, "tooMany", "An action has at most %d options.", mostOptions)
	names := map[string]bool{}
	for i := range options {
		o, at := &options[i], fmt.Sprintf("%s[%d]", path, i)
		if v.Name(at+".name", "An option", &o.Name) {
			v.Check(!names[o.Name], at+".name", "duplicate", "There is another option with the name %q.", o.Name)
			names[o.Name] = true
		}
		o.LocalizedNames = template.CheckNames(v, at+".localizedNames", o.LocalizedNames)
	}
}

// namedTemplate is an e-mail template that a user action names.
type namedTemplate struct {
	member string
	id     wire.ID
}

func templatesOf(d *wire.UserAction) (named []namedTemplate) {
	for _, t := range []namedTemplate{
		{"startEmailTemplateId", d.StartEmailTemplateID},
		{"modifyEmailTemplateId", d.ModifyEmailTemplateID},
		{"cancelEmailTemplateId", d.CancelEmailTemplateID},
		{"endEmailTemplateId", d.EndEmailTemplateID},
	} {
		if t.id != "" {
			named = append(named, t)
		}
	}
	return named
}

// required trims a text that has to be there and adds what is wrong with it. It tells whether nothing is.
func required(v *problem.Validation, path string, text *string) (fit bool) {
	v.Text(path, text, problem.LongestName)
	v.Check(*text != "", path, "blank", "This is required.")
	return !v.Has(path)
}
