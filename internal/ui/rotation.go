package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"slices"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// rotationPage leads from an old key to a new one. Where it stands follows from what is stored, so it can be left and taken up at any time.
type rotationPage struct {
	wire.Key
	// To is the new key, nil until there is one, and Candidates are those that can be chosen.
	To         *wire.Key
	Candidates []option
	// Single are webhooks that sign with the old key alone, Old those for which the old one still comes first, Second
	// those that still sign with the old key behind the new one. Issuers are tenants and applications whose tokens it signs.
	Single, Old, Second []link
	Issuers             []link
	// Uses are all that still use the old key, Default tells that every tenant does that names no other.
	Uses    []link
	Default bool
}

func (s *server) rotation(v *visit) (err error) {
	page := rotationPage{}
	if page.Key, err = s.Keys.Load(v.Context(), v.id()); err != nil {
		return err
	}
	if !signs(page.Key) {
		return problem.ErrNotFound
	}
	all, err := s.Keys.List(v.Context())
	if err != nil {
		return err
	}
	for _, k := range all {
		if k.ID == page.ID || !signs(k) {
			continue
		}
		if string(k.ID) == v.FormValue("to") {
			page.To = &k
		}
		if k.Type == page.Type {
			page.Candidates = append(page.Candidates, option{Value: string(k.ID), Text: k.Name + " (" + string(k.Algorithm) + ")"})
		}
	}
	if page.To != nil {
		if err = s.rotating(v, &page); err != nil {
			return err
		}
	}
	v.under("KeyMaster", "/admin/key")
	v.above = append(v.above, link{Text: page.Name, To: "/admin/key/" + string(page.ID)})
	v.of = page.Name
	return v.show("key-rotation", "KeyRotate", page)
}

// rotating fills in who uses which of the keys.
func (s *server) rotating(v *visit, page *rotationPage) error {
	webhooks, err := s.Webhooks.List(v.Context())
	if err != nil {
		return err
	}
	for _, w := range webhooks {
		l := link{Text: nameOfWebhook(w), To: "/admin/webhook/" + string(w.ID)}
		for _, pair := range pairsOfKeys(&w) {
			if *pair.first == page.ID {
				page.Old = append(page.Old, l)
			}
			if *pair.first == page.ID && *pair.second != page.To.ID {
				page.Single = append(page.Single, l)
			}
			if *pair.second == page.ID {
				page.Second = append(page.Second, l)
			}
		}
	}
	issuers, err := s.issuersWith(v, page.ID)
	for _, i := range issuers {
		page.Issuers = append(page.Issuers, i.link)
	}
	if err != nil {
		return err
	}
	uses, err := s.usesOfKeys(v, page.ID)
	page.Uses, page.Default = uses[page.ID], s.Keys.IsDefault(page.ID)
	return err
}

// keyPair are the keys that one kind of signature of a webhook is made with: the first, and the one that signs as well while keys are changed.
type keyPair struct{ first, second *wire.ID }

func pairsOfKeys(w *wire.Webhook) []keyPair {
	c := &w.SignatureConfiguration
	return []keyPair{{&c.SigningKeyID, &c.SecondarySigningKeyID}, {&c.StandardWebhooks.SigningKeyID, &c.StandardWebhooks.SecondarySigningKeyID}}
}

// issuer is a tenant or an application whose tokens a key signs.
type issuer struct {
	link
	id     wire.ID
	tenant bool
}

func (s *server) issuersWith(v *visit, id wire.ID) (all []issuer, err error) {
	names := func(extra map[string]json.RawMessage) bool { return ofKey(id).Match(extra["jwtConfiguration"]) }
	tenants, err := s.Tenants.List(v.Context())
	if err != nil {
		return nil, err
	}
	for _, t := range tenants {
		if names(t.Extra) {
			all = append(all, issuer{link{Text: t.Name, To: "/admin/tenant/" + string(t.ID)}, t.ID, true})
		}
	}
	applications, err := s.Applications.List(v.Context(), "", true)
	for _, a := range applications {
		if names(a.Extra) {
			all = append(all, issuer{link{Text: a.Name, To: "/admin/application/" + string(a.ID)}, a.ID, false})
		}
	}
	return all, err
}

// ofKey finds the id of a key as a JSON text, in any case.
func ofKey(id wire.ID) *regexp.Regexp {
	return regexp.MustCompile(`(?i)"` + regexp.QuoteMeta(string(id)) + `"`)
}

// rotate takes one of the steps.
func (s *server) rotate(v *visit) error {
	old, err := s.Keys.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	if err := v.confirm(); err != nil {
		return v.again(err, func() error { return s.rotation(v) })
	}
	to := wire.ID(v.PostFormValue("to"))
	said := "KeyRotationStep"
	switch step := v.PostFormValue("step"); step {
	case "new":
		to, err = s.makeKey(v, false, "", wire.KeyInput{
			Name: v.PostFormValue("key.name"), Algorithm: old.Algorithm, Length: lengthFor(old), Issuer: old.Issuer,
		})
		said = "KeyCreated"
	case "both", "switch", "retire":
		if _, err = s.Keys.Load(v.Context(), to); err == nil {
			err = s.rotateUses(v, step, old.ID, to)
		}
	default:
		err = problem.ErrNotFound
	}
	if err != nil {
		return v.again(err, func() error { return s.rotation(v) })
	}
	return v.done(said, "/admin/key/"+string(old.ID)+"/rotate?to="+string(to))
}

// lengthFor is the length to ask for to get a key like another: only for RSA there is one to choose.
func lengthFor(k wire.Key) int {
	if k.Type == wire.KeyTypeRSA {
		return k.Length
	}
	return 0
}

// rotateUses changes one user of the key after the other. What goes wrong with one leaves those before it changed, as the page then shows.
func (s *server) rotateUses(v *visit, step string, old, to wire.ID) error {
	webhooks, err := s.Webhooks.List(v.Context())
	if err != nil {
		return err
	}
	for _, w := range webhooks {
		if !rotateWebhook(&w, step, old, to) {
			continue
		}
		if !v.session.May(admin.Webhooks, admin.Change) {
			return errForbidden
		}
		err := update(v, "webhook", w.ID, s.Webhooks.Update, func(current wire.Webhook) (wire.Webhook, error) {
			rotateWebhook(&current, step, old, to)
			return current, nil
		})
		if err != nil {
			return err
		}
	}
	if step != "switch" {
		return nil
	}
	issuers, err := s.issuersWith(v, old)
	if err != nil {
		return err
	}
	for _, i := range issuers {
		if err := s.rotateIssuer(v, i, old, to); err != nil {
			return err
		}
	}
	return nil
}

// rotateWebhook takes one of the steps with a webhook, and tells whether that changes it.
func rotateWebhook(w *wire.Webhook, step string, old, to wire.ID) (changed bool) {
	for _, pair := range pairsOfKeys(w) {
		switch {
		case step == "both" && *pair.first == old && *pair.second != to:
			*pair.second = to
		case step == "switch" && *pair.first == old:
			*pair.first, *pair.second = to, old
		case step == "retire" && *pair.second == old && *pair.first != old:
			*pair.second = ""
		default:
			continue
		}
		changed = true
	}
	return changed
}

// rotateIssuer puts the new key in the place of the old one in how tokens are signed. Those that the old one has signed stay good while it is here.
func (s *server) rotateIssuer(v *visit, i issuer, old, to wire.ID) error {
	area := admin.Applications
	if i.tenant {
		area = admin.Tenants
	}
	if !v.session.May(area, admin.Change) {
		return errForbidden
	}
	swap := func(extra map[string]json.RawMessage) map[string]json.RawMessage {
		next := make(map[string]json.RawMessage, len(extra))
		for name, value := range extra {
			next[name] = value
		}
		next["jwtConfiguration"] = bytes.TrimSpace(ofKey(old).ReplaceAll(extra["jwtConfiguration"], []byte(`"`+string(to)+`"`)))
		return next
	}
	if i.tenant {
		return update(v, "tenant", i.id, func(ctx context.Context, id wire.ID, edit func(wire.Tenant) (wire.Tenant, error)) (wire.Tenant, error) {
			return s.Applications.UpdateTenant(ctx, id, v.info(), func(current wire.Tenant) (wire.Tenant, []wire.ID, error) {
				next, err := edit(current)
				return next, nil, err
			})
		}, func(current wire.Tenant) (wire.Tenant, error) {
			current.Extra = swap(current.Extra)
			return current, nil
		})
	}
	return update(v, "application", i.id, func(ctx context.Context, id wire.ID, edit func(wire.Application) (wire.Application, error)) (wire.Application, error) {
		return s.Applications.Update(ctx, id, v.info(), edit)
	}, func(current wire.Application) (wire.Application, error) {
		current.Extra = swap(current.Extra)
		return current, nil
	})
}

// rotationStep is what one of the steps still has to change. First marks the step to take now, which asks for the password.
type rotationStep struct {
	Name, Do string
	Of       []link
	To       *wire.Key
	First    bool
}

// Step is one of the steps for the page.
func (p rotationPage) Step(name string, of []link, do string) rotationStep {
	now := "retire"
	switch {
	case len(p.Single) > 0:
		now = "both"
	case len(p.Old)+len(p.Issuers) > 0:
		now = "switch"
	}
	return rotationStep{Name: name, Do: do, Of: of, To: p.To, First: name == now}
}

// OldAndIssuers are all that the third step changes.
func (p rotationPage) OldAndIssuers() []link { return slices.Concat(p.Old, p.Issuers) }
