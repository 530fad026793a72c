package ui

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

var keyRoutes = []route{
	{"GET /admin/key", signedIn, admin.Keys, admin.View, (*server).keys},
	{"GET /admin/key/add", signedIn, admin.Keys, admin.Change, (*server).addKey},
	{"GET /admin/key/generate", signedIn, admin.Keys, admin.Change, (*server).showKeyForm},
	{"POST /admin/key/generate", signedIn, admin.Keys, admin.Change, (*server).createKey},
	{"GET /admin/key/import", signedIn, admin.Keys, admin.Change, (*server).showKeyForm},
	{"POST /admin/key/import", signedIn, admin.Keys, admin.Change, (*server).createKey},
	{"GET /admin/key/{id}", signedIn, admin.Keys, admin.View, (*server).key},
	{"GET /admin/key/{id}/public.pem", signedIn, admin.Keys, admin.View, (*server).downloadKey},
	{"GET /admin/key/{id}/edit", signedIn, admin.Keys, admin.Change, (*server).editKey},
	{"POST /admin/key/{id}/edit", signedIn, admin.Keys, admin.Change, (*server).renameKey},
	{"GET /admin/key/{id}/rotate", signedIn, admin.Keys, admin.Change, (*server).rotation},
	{"POST /admin/key/{id}/rotate", signedIn, admin.Keys, admin.Change, (*server).rotate},
	{"GET /admin/key/{id}/delete", signedIn, admin.Keys, admin.Delete, (*server).askDeleteKey},
	{"POST /admin/key/{id}/delete", signedIn, admin.Keys, admin.Delete, (*server).deleteKey},
}

// keyKind is one of the ways to come by a key.
type keyKind struct {
	// Kind is what the query calls it, Text and About are ids of texts.
	Kind, Text, About string
	Algorithms        []wire.KeyAlgorithm
	// Parts are the members of the form, besides those that all have.
	Parts []string
}

var (
	rsaAlgorithms  = []wire.KeyAlgorithm{wire.RS256, wire.RS384, wire.RS512}
	ecAlgorithms   = []wire.KeyAlgorithm{wire.ES256, wire.ES384, wire.ES512}
	hmacAlgorithms = []wire.KeyAlgorithm{wire.HS256, wire.HS384, wire.HS512}
	pemAlgorithms  = slices.Concat([]wire.KeyAlgorithm{""}, rsaAlgorithms, ecAlgorithms, []wire.KeyAlgorithm{wire.Ed25519})
)

var generated = []keyKind{
	{"rsa", "GenerateRSA", "GenerateRSAAbout", rsaAlgorithms, []string{"length", "issuer"}},
	{"ec", "GenerateEC", "GenerateECAbout", ecAlgorithms, []string{"issuer"}},
	{"eddsa", "GenerateEdDSA", "GenerateEdDSAAbout", []wire.KeyAlgorithm{wire.Ed25519}, []string{"issuer"}},
	{"hmac", "GenerateHMAC", "GenerateHMACAbout", hmacAlgorithms, nil},
}

var imported = []keyKind{
	{"pair", "ImportPair", "ImportPairAbout", pemAlgorithms, []string{"privateKey", "publicKey"}},
	{"private", "ImportPrivate", "ImportPrivateAbout", pemAlgorithms, []string{"privateKey"}},
	{"public", "ImportPublic", "ImportPublicAbout", pemAlgorithms, []string{"publicKey"}},
	{"certificate", "ImportCertificate", "ImportCertificateAbout", pemAlgorithms, []string{"certificate", "optionalPrivateKey"}},
	{"hmac", "ImportHMAC", "ImportHMACAbout", hmacAlgorithms, []string{"secret"}},
	{"secret", "ImportSecret", "ImportSecretAbout", []wire.KeyAlgorithm{wire.NoAlgorithm}, []string{"secret"}},
}

// Has tells whether the form has a part.
func (k keyKind) Has(part string) bool { return slices.Contains(k.Parts, part) }

type keysPage struct {
	listing[wire.Key]
	Keys []keyRow
}

type keyRow struct {
	wire.Key
	// Uses are links to what uses the key, Default tells that every tenant does that names no other.
	Uses    []link
	Default bool
}

func (s *server) keys(v *visit) error {
	all, err := s.Keys.List(v.Context())
	if err != nil {
		return err
	}
	uses, err := s.usesOfKeys(v, "")
	if err != nil {
		return err
	}
	page := keysPage{listing: listingOf(v, all, func(k wire.Key) string { return k.Name + "\x00" + k.KID + "\x00" + string(k.ID) })}
	for _, k := range page.listing.Rows {
		page.Keys = append(page.Keys, keyRow{k, uses[k.ID], s.Keys.IsDefault(k.ID)})
	}
	return v.show("keys", "KeyMaster", page)
}

// usesOfKeys are links to what uses each key, or the one with an id.
func (s *server) usesOfKeys(v *visit, id wire.ID) (map[wire.ID][]link, error) {
	uses, err := s.Keys.Uses(v.Context(), id)
	if err != nil {
		return nil, err
	}
	webhooks, err := s.Webhooks.List(v.Context())
	if err != nil {
		return nil, err
	}
	names := map[wire.ID]string{}
	for _, w := range webhooks {
		names[w.ID] = nameOfWebhook(w)
	}
	links := map[wire.ID][]link{}
	for _, u := range uses {
		l := link{Text: cmp.Or(u.Name, string(u.ID))}
		switch u.Kind {
		case "webhook":
			l.To, l.Text = "/admin/webhook/"+string(u.ID), cmp.Or(names[u.ID], l.Text)
		case "tenant":
			l.To = "/admin/tenant/" + string(u.ID)
		case "application":
			l.To = "/admin/application/" + string(u.ID)
		}
		links[u.Key] = append(links[u.Key], l)
	}
	return links, nil
}

// addKey leads to the ways to come by a key.
func (s *server) addKey(v *visit) error {
	v.under("KeyMaster", "/admin/key")
	return v.show("key-add", "KeyAdd", struct{ Generate, Import []keyKind }{generated, imported})
}

type keyForm struct {
	keyKind
	wire.KeyInput
	Import              bool
	Algorithms, Lengths []option
}

// keyKindOf is what the query asks for, in the table for the page.
func (v *visit) keyKindOf() (k keyKind, imports bool, err error) {
	imports = strings.HasSuffix(v.URL.Path, "/import")
	all := generated
	if imports {
		all = imported
	}
	at := slices.IndexFunc(all, func(k keyKind) bool { return k.Kind == v.URL.Query().Get("kind") })
	if at < 0 {
		return k, imports, problem.ErrNotFound
	}
	return all[at], imports, nil
}

func (s *server) showKeyForm(v *visit) error {
	kind, imports, err := v.keyKindOf()
	if err != nil {
		return err
	}
	form := keyForm{keyKind: kind, Import: imports}
	form.Length = 2048
	for _, a := range kind.Algorithms {
		form.Algorithms = append(form.Algorithms, option{Value: string(a), Text: cmp.Or(string(a), v.text.say("AlgorithmOfKey"))})
	}
	for _, length := range []string{"2048", "3072", "4096"} {
		form.Lengths = append(form.Lengths, option{Value: length, Text: length})
	}
	v.under("KeyMaster", "/admin/key")
	v.under("KeyAdd", "/admin/key/add")
	return v.show("key-form", kind.Text, form)
}

func (s *server) createKey(v *visit) error {
	kind, imports, err := v.keyKindOf()
	if err != nil {
		return err
	}
	var request struct {
		KeyID wire.ID       `json:"keyId"`
		Key   wire.KeyInput `json:"key"`
	}
	var wrong problem.Validation
	err = wrong.Merge(v.fill(struct{}{}, &request))
	if err == nil {
		err = wrong.Merge(v.confirm())
	}
	if err == nil {
		err = wrong.Err()
	}
	if err != nil {
		return v.again(err, func() error { return s.showKeyForm(v) })
	}
	if kind.Kind == "secret" {
		request.Key.Type = wire.KeyTypeSecret
	}
	id, err := s.makeKey(v, imports, request.KeyID, request.Key)
	if err != nil {
		return v.again(err, func() error { return s.showKeyForm(v) })
	}
	return v.done("KeyCreated", "/admin/key/"+string(id))
}

// makeKey generates or imports a key. The audit log has what is not secret of it.
func (s *server) makeKey(v *visit, imports bool, id wire.ID, given wire.KeyInput) (wire.ID, error) {
	if id == "" {
		id = wire.ID(db.NewID())
	}
	do, did := s.Keys.Generate, "Generated"
	if imports {
		do, did = s.Keys.Import, "Imported"
	}
	if !imports && given.Issuer == "" {
		settings, err := s.Tenants.Settings(v.Context())
		if err != nil {
			return "", err
		}
		given.Issuer = settings.Issuer()
	}
	c := v.changing("%s the key %s", did, id).of("key", id)
	c.after = wire.Key{
		ID: id, Name: given.Name, KID: given.KID, Algorithm: given.Algorithm, Type: given.Type, Length: given.Length, Issuer: given.Issuer,
		PublicKey: given.PublicKey, Certificate: given.Certificate, HasPrivateKey: !imports && given.Secret == "" || given.PrivateKey != "",
	}
	_, err := do(c.context(), id, given)
	return id, err
}

type keyPage struct {
	keyRow
	// Rotates tells that something is signed with the key, so that another one can take its place.
	Rotates bool
}

func (s *server) key(v *visit) error {
	page, err := s.keyPage(v)
	if err != nil {
		return err
	}
	v.under("KeyMaster", "/admin/key")
	return v.show("key", "Key", page)
}

func (s *server) keyPage(v *visit) (page keyPage, err error) {
	k, err := s.Keys.Load(v.Context(), v.id())
	if err != nil {
		return page, err
	}
	uses, err := s.usesOfKeys(v, k.ID)
	if err != nil {
		return page, err
	}
	v.of = k.Name
	return keyPage{keyRow{k, uses[k.ID], s.Keys.IsDefault(k.ID)}, signs(k)}, nil
}

// signs tells whether something can be signed with a key.
func signs(k wire.Key) bool { return k.HasPrivateKey || k.Type == wire.KeyTypeHMAC }

// downloadKey gives the public part of a key: the certificate where there is one, else the public key.
func (s *server) downloadKey(v *visit) error {
	k, err := s.Keys.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	text := cmp.Or(k.Certificate, k.PublicKey)
	if v.FormValue("part") == "key" {
		text = k.PublicKey
	}
	if text == "" {
		return problem.ErrNotFound
	}
	return v.download("application/x-pem-file", string(k.ID)+".pem", strings.NewReader(strings.TrimSpace(text)+"\n"))
}

func (s *server) editKey(v *visit) error {
	k, err := s.Keys.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	v.under("KeyMaster", "/admin/key")
	v.of = k.Name
	return v.show("key-edit", "KeyEdit", k)
}

func (s *server) renameKey(v *visit) error {
	before, err := s.Keys.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	after := before
	after.Name = v.PostFormValue("key.name")
	c := v.changing("Changed the key %s", before.ID).of("key", before.ID)
	c.before, c.after = before, after
	if _, err = s.Keys.Rename(c.context(), before.ID, after.Name); err != nil {
		return v.again(err, func() error { return s.editKey(v) })
	}
	return v.done("KeySaved", "/admin/key/"+string(before.ID))
}

func (s *server) askDeleteKey(v *visit) error {
	page, err := s.keyPage(v)
	if err != nil {
		return err
	}
	v.under("KeyMaster", "/admin/key")
	if page.Default || len(page.Uses) > 0 {
		return v.show("key-in-use", "KeyDelete", page)
	}
	return v.show("confirm", "KeyDelete", question{Text: v.text.say("KeyDeleteAbout"), Do: v.text.say("KeyDelete"), Password: true, Back: "/admin/key/" + string(page.ID)})
}

func (s *server) deleteKey(v *visit) error {
	k, err := s.Keys.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	if err = v.confirm(); err == nil {
		err = remove(v, "key", k.ID, k, s.Keys.Delete)
	}
	if err != nil {
		return v.again(err, func() error { return s.askDeleteKey(v) })
	}
	return v.done("KeyDeleted", "/admin/key")
}

// expiresSoon is what a list of keys points out, in days.
const expiresSoon = 30

// Urgency of an end, for its colour: it is over, or will be soon.
func (k keyRow) Urgency(at frame) string {
	switch left := time.UnixMilli(int64(k.ExpirationInstant)).Sub(at.v.began).Hours() / 24; {
	case k.ExpirationInstant == 0:
		return ""
	case left < 0:
		return "bad"
	case left < expiresSoon:
		return "wait"
	}
	return ""
}
