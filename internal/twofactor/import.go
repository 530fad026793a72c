package twofactor

import (
	"fmt"
	"slices"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

var _ identity.Factors = (*Service)(nil)

// maxImportedCodes is how many recovery codes a user may bring along, of maxCode bytes each.
const maxImportedCodes = 100

// Imported reads the second factors that a user has elsewhere. Nobody has to prove them again.
func (s *Service) Imported(v *problem.Validation, path string, given wire.ImportedTwoFactor) (shown wire.TwoFactor, store func(tx *db.Tx, user wire.ID) error) {
	v.Check(len(given.Methods) <= maxMethods, path+".methods", "tooMany", "A user has at most %d methods.", maxMethods)
	v.Check(len(given.RecoveryCodes) <= maxImportedCodes, path+".recoveryCodes", "tooMany", "A user has at most %d recovery codes.", maxImportedCodes)
	for i, code := range given.RecoveryCodes {
		v.Check(code != "" && len(code) <= maxCode, fmt.Sprintf("%s.recoveryCodes[%d]", path, i), "invalid", "A recovery code has 1 to %d bytes.", maxCode)
	}
	if v.Has(path + ".methods") {
		return shown, nil
	}
	secrets := map[string][]byte{} // by the ids of their methods
	for i, method := range given.Methods {
		m, secret := imported(v, fmt.Sprintf("%s.methods[%d]", path, i), method)
		m.ID = newMethodID(shown.Methods)
		if secret != nil {
			secrets[m.ID] = secret
		}
		shown.Methods = append(shown.Methods, m)
	}
	if len(secrets) == 0 && len(given.RecoveryCodes) == 0 {
		return shown, nil
	}
	return shown, func(tx *db.Tx, user wire.ID) error {
		for id, secret := range secrets {
			if err := s.keepSecret(tx, user, id, secret, -1); err != nil {
				return err
			}
		}
		if len(given.RecoveryCodes) == 0 {
			return nil
		}
		return s.giveRecoveryCodes(tx, user, given.RecoveryCodes)
	}
}

// imported brings a method into canonical form. secret is nil unless it is an authenticator.
func imported(v *problem.Validation, path string, given wire.ImportedTwoFactorMethod) (m wire.TwoFactorMethod, secret []byte) {
	m = wire.TwoFactorMethod{Method: given.Method, Name: nameOf(v, path+".name", given.Name), LastUsed: given.LastUsed}
	switch m.Method {
	case wire.TwoFactorByAuthenticator:
		m.Authenticator = authenticator(v, path+".authenticator", given.Authenticator)
		secret = secretOf(v, path+".", given.Secret, "")
	case wire.TwoFactorByEmail:
		var ok bool
		m.Email, ok = identity.EmailAddress(given.Email)
		v.Check(ok, path+".email", "notEmail", "This is not an e-mail address.")
	case wire.TwoFactorBySMS:
		var ok bool
		m.MobilePhone, ok = identity.PhoneNumber(given.MobilePhone)
		v.Check(ok, path+".mobilePhone", "invalid", "This is not a phone number in international form (+14155550123).")
	default:
		v.Field(path+".method", "invalid", "A method is one of authenticator, email and sms.")
	}
	return m, secret
}

// authenticator returns how an app makes its codes, completed with what most apps do.
func authenticator(v *problem.Validation, path string, given *wire.TwoFactorAuthenticator) *wire.TwoFactorAuthenticator {
	how := wire.TwoFactorAuthenticator{Algorithm: "HmacSHA1", CodeLength: 6, TimeStep: 30}
	if given == nil {
		return &how
	}
	if given.Algorithm != "" {
		how.Algorithm = given.Algorithm
	}
	if given.CodeLength != 0 {
		how.CodeLength = given.CodeLength
	}
	if given.TimeStep != 0 {
		how.TimeStep = given.TimeStep
	}
	v.Check(slices.Contains([]string{"HmacSHA1", "HmacSHA256", "HmacSHA512"}, how.Algorithm), path+".algorithm", "invalid", "This is one of HmacSHA1, HmacSHA256 and HmacSHA512.")
	v.Check(how.CodeLength >= 6 && how.CodeLength <= 8, path+".codeLength", "invalid", "A code has 6 to 8 digits.")
	v.Check(how.TimeStep >= 10 && how.TimeStep <= 600, path+".timeStep", "invalid", "A code is shown for 10 to 600 seconds.")
	return &how
}
