package key

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/nearest"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// longestText is how many bytes of PEM or of a secret there may be.
const longestText = 64 << 10

// draft is a key on its way into the store.
type draft struct {
	wire.Key
	hidden []byte // the private key (PKCS #8), or the secret; empty for public keys alone
}

// newDraft checks what keys of every origin have.
func newDraft(v *problem.Validation, id wire.ID, given wire.KeyInput) *draft {
	d := &draft{Key: wire.Key{ID: id, Name: given.Name, KID: given.KID}}
	v.Name("key.name", "A key", &d.Name)
	v.Text("key.kid", &d.KID, problem.LongestName)
	return d
}

// chooseAlgorithm returns the algorithm with that name. Without one ok is false; nothing is added to v when none was given.
func chooseAlgorithm(v *problem.Validation, path string, name wire.KeyAlgorithm) (a algorithm, ok bool) {
	if name == "" {
		return a, false
	}
	if a, ok = algorithmOf(name); ok {
		return a, true
	}
	names := make([]wire.KeyAlgorithm, len(algorithms))
	for i, known := range algorithms {
		names[i] = known.name
	}
	v.Field(path, "invalid", "There is no algorithm %.64q.%s", name, didYouMean(name, names))
	return a, false
}

func families() (all []wire.KeyType) {
	for _, a := range algorithms {
		if !slices.Contains(all, a.family) {
			all = append(all, a.family)
		}
	}
	return all
}

// didYouMean is a sentence with the nearest name, with a blank before it, or "".
func didYouMean[T ~string](name T, names []T) string {
	if near := nearest.Name(string(name), names); near != "" {
		return " Did you mean " + string(near) + "?"
	}
	return ""
}

// checkType adds a type that is not that of the algorithm. It is never needed.
func checkType(v *problem.Validation, given wire.KeyType, a algorithm) {
	v.Check(given == "" || given == a.family, "key.type", "invalid", "A key for %s has the type %s, not %.64q.", a.name, a.family, given)
}

// forGeneration checks a request to generate a key. The draft has everything but the key itself, which is made when nothing stands against it.
func forGeneration(id wire.ID, given wire.KeyInput) (*draft, algorithm, *problem.Validation) {
	var v problem.Validation
	d := newDraft(&v, id, given)
	v.Text("key.issuer", &given.Issuer, problem.LongestName)
	v.Check(given.Certificate == "" && given.PublicKey == "" && given.PrivateKey == "" && given.Secret == "", "key", "invalid",
		"A key is either generated or brought along. To bring one, import it.")
	a, known := chooseAlgorithm(&v, "key.algorithm", given.Algorithm)
	v.Check(given.Algorithm != "", "key.algorithm", "missing", "Say what the key is to sign with: ES256, Ed25519, HS256, RS256 and so on.")
	if known && a.name == wire.NoAlgorithm {
		v.Field("key.algorithm", "invalid", "A plain secret is nothing to generate. Import it.")
	}
	if known {
		checkType(&v, given.Type, a)
		d.Algorithm, d.Type, d.Length = a.name, a.family, checkLength(&v, a, given.Length)
		if a.family != wire.KeyTypeHMAC {
			d.Issuer = given.Issuer
		}
	}
	return d, a, &v
}

// checkLength returns the length of a key to be generated. Where there is none to choose, what was given does not matter.
func checkLength(v *problem.Validation, a algorithm, given int) int {
	switch a.family {
	case wire.KeyTypeRSA:
		switch given {
		case 2048, 3072, 4096:
		case 0:
			v.Field("key.length", "missing", "An RSA key needs a length: 2048, 3072 or 4096.")
		default:
			v.Field("key.length", "invalid", "The length of an RSA key is 2048, 3072 or 4096, not %d.", given)
		}
		return given
	case wire.KeyTypeEC:
		bits := a.curve.Params().BitSize
		v.Check(given == 0 || given == bits, "key.length", "invalid", "A key for %s has a length of %d, not %d.", a.name, bits, given)
		return bits
	}
	return 0
}

// complete makes the key of a draft.
func (d *draft) complete(a algorithm, now time.Time) error {
	if a.family == wire.KeyTypeHMAC {
		d.hidden, d.KID = []byte(generateSecret(a)), cmp.Or(d.KID, randomKID())
		return nil
	}
	private, err := generate(a, d.Length)
	if err != nil {
		return err
	}
	certificate, err := selfSign(private, d.Issuer, now)
	if err != nil {
		return err
	}
	d.show(certificate)
	d.Certificate = encodePEM(pemCertificate, certificate.Raw)
	return d.pair(private.Public(), private)
}

// randomKID names keys without a public key.
func randomKID() string { return rand.Text()[:16] }

// pair puts a public key and, unless that is nil, its private key into the draft.
func (d *draft) pair(public crypto.PublicKey, private crypto.Signer) error {
	if private != nil {
		hidden, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			return err
		}
		d.hidden, d.HasPrivateKey = hidden, true
	}
	if d.PublicKey == "" {
		spki, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			return err
		}
		d.PublicKey = encodePEM(pemPublic, spki)
	}
	if d.KID == "" {
		kid, err := thumbprint(public)
		if err != nil {
			return err
		}
		d.KID = kid
	}
	return nil
}

// show fills in what a certificate says.
func (d *draft) show(c *x509.Certificate) {
	d.Issuer = cmp.Or(c.Issuer.CommonName, c.Issuer.String())
	d.CertificateInformation, d.ExpirationInstant = describe(c), wire.Instant(c.NotAfter.UnixMilli())
}

// forImport checks a key that is brought along.
func forImport(id wire.ID, given wire.KeyInput) (*draft, *problem.Validation, error) {
	var v problem.Validation
	d := newDraft(&v, id, given)
	if given.Type == "SecretKeyValue" { // as FusionAuth's page about imports calls it
		given.Type = wire.KeyTypeSecret
	}
	for _, part := range parts(&given) {
		*part.text = strings.TrimSpace(*part.text)
		v.Check(len(*part.text) <= longestText, part.path, "tooLong", "This has at most %d bytes.", longestText)
	}
	v.Check(len(given.Secret) <= longestText, "key.secret", "tooLong", "A secret has at most %d bytes.", longestText)
	a, known := chooseAlgorithm(&v, "key.algorithm", given.Algorithm)
	if !known && given.Algorithm == "" && given.Type == wire.KeyTypeSecret {
		a, known = algorithmOf(wire.NoAlgorithm)
	}
	pem := given.Certificate != "" || given.PublicKey != "" || given.PrivateKey != ""
	secret := given.Secret != "" || given.Type == wire.KeyTypeHMAC || known && (a.family == wire.KeyTypeHMAC || a.family == wire.KeyTypeSecret)
	switch {
	case pem && given.Secret != "":
		v.Field("key.secret", "invalid", "Give either a secret or a key in PEM form, not both.")
	case secret:
		d.importSecret(&v, given, a, known)
	case pem && !v.Has("key.certificate") && !v.Has("key.publicKey") && !v.Has("key.privateKey"):
		return d, &v, d.importPEM(&v, given, a, known)
	case !pem:
		v.Field("key.privateKey", "missing", "Give what is to be imported: privateKey, publicKey, certificate, or secret.")
	}
	return d, &v, nil
}

// part is one of the PEM texts of an import.
type part struct {
	path string
	text *string
}

func parts(given *wire.KeyInput) []part {
	return []part{{"key.privateKey", &given.PrivateKey}, {"key.publicKey", &given.PublicKey}, {"key.certificate", &given.Certificate}}
}

// importSecret takes the secret of an HMAC, or a plain one.
func (d *draft) importSecret(v *problem.Validation, given wire.KeyInput, a algorithm, known bool) {
	for _, part := range parts(&given) {
		v.Check(*part.text == "", part.path, "invalid", "A key in PEM form does not go with a secret.")
	}
	v.Check(given.Algorithm != "" || known, "key.algorithm", "missing", "Say what the secret is for: HS256, HS384, HS512, or None for a plain secret.")
	v.Check(given.Secret != "", "key.secret", "blank", "The secret is missing.")
	if _, err := standardSecret([]byte(given.Secret)); err != nil {
		v.Field("key.secret", "invalid", "A secret that begins with %s goes on in base64.", standardPrefix)
	}
	if !known {
		return
	}
	if a.family != wire.KeyTypeHMAC && a.family != wire.KeyTypeSecret {
		v.Field("key.algorithm", "mismatch", "%s signs with a private key, not with a secret.", a.name)
		return
	}
	checkType(v, given.Type, a)
	d.Algorithm, d.Type, d.hidden, d.KID = a.name, a.family, []byte(given.Secret), cmp.Or(d.KID, randomKID())
}

// importPEM takes any of certificate, public and private key that belong together. The texts of what is public are kept as they were sent.
func (d *draft) importPEM(v *problem.Validation, given wire.KeyInput, a algorithm, known bool) error {
	var (
		private      crypto.Signer
		public       crypto.PublicKey
		certificates []*x509.Certificate
		err          error
	)
	// The private key says what the others must be, then the public one.
	matches := func(path string, other crypto.PublicKey) {
		switch text := unsuitable(other); {
		case text != "":
			v.Field(path, "invalid", "The text %s.", text)
		case public == nil:
			public = other
		default:
			v.Check(public.(interface{ Equal(crypto.PublicKey) bool }).Equal(other), path, "mismatch", "This does not belong to the other parts of the key.")
		}
	}
	if given.PrivateKey != "" {
		if private, err = parsePrivate(given.PrivateKey); err != nil {
			v.Field("key.privateKey", "invalid", "The text %v.", err)
		} else {
			matches("key.privateKey", private.Public())
		}
	}
	if given.PublicKey != "" {
		if other, err := parsePublic(given.PublicKey); err != nil {
			v.Field("key.publicKey", "invalid", "The text %v.", err)
		} else {
			matches("key.publicKey", other)
		}
	}
	if given.Certificate != "" {
		if certificates, err = parseCertificates(given.Certificate); err != nil {
			v.Field("key.certificate", "invalid", "The text %v.", err)
		} else {
			matches("key.certificate", certificates[0].PublicKey)
		}
	}
	if public == nil {
		return nil // and v says why
	}
	own, _ := algorithmFor(public)
	switch {
	case !known:
		a = own
	case a.family != own.family || a.curve != own.curve:
		v.Field("key.algorithm", "mismatch", "%s does not go with this key, which is one for %s.", a.name, own.name)
	}
	checkType(v, given.Type, own)
	d.Algorithm, d.Type, d.Length = a.name, a.family, lengthOf(public)
	d.PublicKey, d.Certificate = given.PublicKey, given.Certificate
	if len(certificates) > 0 {
		d.show(certificates[0])
	}
	if v.Err() != nil {
		return nil
	}
	return d.pair(public, private)
}
