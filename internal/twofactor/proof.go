package twofactor

import (
	"errors"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/wire"
)

// proof is a code that is right, and of which second factor it is. It is used in the commit of whatever it was brought for.
type proof struct {
	method      string // authenticator, email, recoveryCode or sms; empty for a code that the caller delivered itself
	methodID    string // empty for a recovery code
	messageType wire.MessageType

	user    wire.ID
	sent    bool   // the code was sent or given out: its ticket is what makes it right once
	counter int64  // of an authenticator
	code    string // the hash of a recovery code
}

// prove tells of which second factor of u a code is, nil for none. sent is the code that was sent, if any.
func (s *Service) prove(tx *db.Tx, u *identity.User, sent sentCode, code string, only string) (*proof, error) {
	code = typed(code)
	if ticket.Same(sent.Code, code) {
		return &proof{user: u.ID, sent: true, method: sent.Method, methodID: sent.MethodID, messageType: sent.MessageType}, nil
	}
	for _, m := range u.TwoFactor.Methods {
		if m.Method != wire.TwoFactorByAuthenticator || only != "" && m.ID != only {
			continue
		}
		sealed, last, err := loadSecret(tx, u.ID, m.ID)
		if errors.Is(err, db.ErrNoRows) { // the method is being removed at this moment
			continue
		}
		if err != nil {
			return nil, err
		}
		secret, err := s.o.Sealer.Open(secretPlace(u.ID, m.ID), sealed)
		if err != nil {
			return nil, err
		}
		if counter, ok := totpOf(m.Authenticator).verify(secret, code, tx.Now(), last); ok {
			return &proof{user: u.ID, method: m.Method, methodID: m.ID, counter: counter}, nil
		}
	}
	left, err := s.recoveryCodes(tx, u.ID, false)
	if err != nil {
		return nil, err
	}
	if hash := hashRecoveryCode(u.ID, code); left.contains(hash) {
		return &proof{user: u.ID, method: wire.TwoFactorByRecoveryCode, code: hash}, nil
	}
	return nil, nil //nolint:nilnil // no proof is no error
}

// use makes sure that the code is right once. It is ErrWrongCode when another request was faster.
func (s *Service) use(tx *db.Tx, p *proof) error {
	switch {
	case p.sent:
		return nil
	case p.method == wire.TwoFactorByRecoveryCode:
		return s.useRecoveryCode(tx, p.user, p.code)
	}
	used, err := useCounter(tx, p.user, p.methodID, p.counter)
	if err == nil && !used {
		err = ErrWrongCode
	}
	return err
}

// keepSecret stores the secret of an authenticator. lastCounter is the last time step whose code was used, -1 for none.
func (s *Service) keepSecret(tx *db.Tx, user wire.ID, methodID string, secret []byte, lastCounter int64) error {
	sealed, err := s.o.Sealer.Seal(secretPlace(user, methodID), secret)
	if err != nil {
		return err
	}
	return insertSecret(tx, user, methodID, sealed, lastCounter)
}

func secretPlace(user wire.ID, methodID string) string {
	return "two_factor_secret/" + string(user) + "/" + methodID
}

// Sealed are the places where secrets stand.
var Sealed = []sealed.Place{{
	Table: "two_factor_secret", Column: "secret", Key: []string{"user_id", "method_id"}, Context: func(key []string) string { return secretPlace(wire.ID(key[0]), key[1]) },
}, {
	Table: "two_factor_recovery", Column: "codes", Key: []string{"user_id"}, Context: func(key []string) string { return recoveryPlace(wire.ID(key[0])) },
}}
