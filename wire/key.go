package wire

// Key is a key of this installation: one that signs, a certificate, or a plain secret. It never holds a private key or a secret.
type Key struct {
	// ID is given by the path on creation, or chosen at random.
	ID ID `json:"id,omitzero"`
	// KID names the key in the header of what it signs, and in the key set. Unique. Unless given, the thumbprint of the public key (RFC
	// 7638, SHA-256), or random without one.
	KID string `json:"kid,omitzero"`
	// Name is for people; unique, in any case. The only member that can change.
	Name      string       `json:"name,omitzero"`
	Algorithm KeyAlgorithm `json:"algorithm,omitzero"`
	Type      KeyType      `json:"type,omitzero"`
	// Length is in bits. Absent for algorithms that have no lengths to choose from.
	Length int `json:"length,omitzero"`
	// Issuer is the common name of the certificate's issuer.
	Issuer string `json:"issuer,omitzero"`
	// PublicKey is in PEM form.
	PublicKey string `json:"publicKey,omitzero"`
	// Certificate is in PEM form. That of a generated key is signed with the key itself.
	Certificate            string                  `json:"certificate,omitzero"`
	CertificateInformation *CertificateInformation `json:"certificateInformation,omitzero"`
	// HasPrivateKey says whether the server holds a private key: without one, nothing can be signed with the public key.
	HasPrivateKey bool `json:"hasPrivateKey"`
	// ExpirationInstant is when the certificate ends to be valid. Zero without one.
	ExpirationInstant Instant `json:"expirationInstant,omitzero"`
	// InsertInstant is when the key was created. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last changed. Set by the server.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// KeyAlgorithm says what a key signs with.
type KeyAlgorithm string

// The algorithms. NoAlgorithm is that of plain secrets, which sign nothing.
const (
	ES256       KeyAlgorithm = "ES256"
	ES384       KeyAlgorithm = "ES384"
	ES512       KeyAlgorithm = "ES512"
	Ed25519     KeyAlgorithm = "Ed25519"
	HS256       KeyAlgorithm = "HS256"
	HS384       KeyAlgorithm = "HS384"
	HS512       KeyAlgorithm = "HS512"
	RS256       KeyAlgorithm = "RS256"
	RS384       KeyAlgorithm = "RS384"
	RS512       KeyAlgorithm = "RS512"
	NoAlgorithm KeyAlgorithm = "None"
)

// KeyType is the family of a key's algorithm.
type KeyType string

// The types.
const (
	KeyTypeEC     KeyType = "EC"
	KeyTypeRSA    KeyType = "RSA"
	KeyTypeHMAC   KeyType = "HMAC"
	KeyTypeOKP    KeyType = "OKP"
	KeyTypeSecret KeyType = "Secret"
)

// CertificateInformation describes a certificate.
type CertificateInformation struct {
	Issuer  string `json:"issuer,omitzero"`
	Subject string `json:"subject,omitzero"`
	// SerialNumber is decimal.
	SerialNumber string  `json:"serialNumber,omitzero"`
	ValidFrom    Instant `json:"validFrom,omitzero"`
	ValidTo      Instant `json:"validTo,omitzero"`
	// Fingerprints are hashes of the certificate in hexadecimal, with colons: AB:CD.
	MD5Fingerprint    string `json:"md5Fingerprint,omitzero"`
	SHA1Fingerprint   string `json:"sha1Fingerprint,omitzero"`
	SHA256Fingerprint string `json:"sha256Fingerprint,omitzero"`
	// Thumbprints are hashes of the certificate in base64url, as key sets have them: x5t and x5t#S256.
	SHA1Thumbprint   string `json:"sha1Thumbprint,omitzero"`
	SHA256Thumbprint string `json:"sha256Thumbprint,omitzero"`
}

// KeyInput is what callers say about a key they want.
type KeyInput struct {
	Name      string       `json:"name,omitzero"`
	KID       string       `json:"kid,omitzero"`
	Algorithm KeyAlgorithm `json:"algorithm,omitzero"`
	// Type follows from the algorithm. Needed for an import that names none.
	Type KeyType `json:"type,omitzero"`
	// Length of a key to be generated, in bits. Required for RSA: 2048, 3072 or 4096.
	Length int `json:"length,omitzero"`
	// Issuer of a generated key's certificate. Defaults to the issuer of the default tenant.
	Issuer string `json:"issuer,omitzero"`
	// Certificate, PublicKey and PrivateKey, in PEM form, make up a key to be imported; they must belong together. A certificate may be
	// followed by those of its issuers.
	Certificate string `json:"certificate,omitzero"`
	PublicKey   string `json:"publicKey,omitzero"`
	PrivateKey  string `json:"privateKey,omitzero"`
	// Secret is imported instead of these: its UTF-8 bytes are the key of an HMAC.
	Secret string `json:"secret,omitzero"`
}

// KeyRequest generates, imports or renames a key.
type KeyRequest struct {
	Key KeyInput `json:"key"`
}

// KeyResponse has one key.
type KeyResponse struct {
	Key *Key `json:"key,omitzero"`
}

// KeysResponse has all keys.
type KeysResponse struct {
	Keys List[Key] `json:"keys"`
}

// KeySearchRequest finds keys.
type KeySearchRequest struct {
	Search KeySearch `json:"search"`
}

// KeySearch is ordered by algorithm, expiration, id, insertInstant, name or type; the default is "name ASC".
type KeySearch struct {
	Page
	// Name finds keys whose name contains it, in any case; * stands for anything.
	Name string `json:"name,omitzero"`
	// Algorithm and Type find keys that have them. Empty means all.
	Algorithm KeyAlgorithm `json:"algorithm,omitzero"`
	Type      KeyType      `json:"type,omitzero"`
}

// KeySearchResponse is one page of keys.
type KeySearchResponse struct {
	Keys List[Key] `json:"keys"`
	// Total counts all that match, not only those of the page.
	Total int `json:"total"`
}
