package event

import (
	"cmp"
	"slices"

	"github.com/herald-events/herald/wire"
)

// outgoer is a payload that may hold what must not be sent. Encode sends outgoing's copy instead, so no publisher can forget it.
type outgoer interface{ outgoing() Payload }

// SecureUser returns a copy of u as events show it: registrations in the order of their application ids and without tokens, and no
// recovery codes. [Encode] does this by itself. The copy shares with u what does not change.
func SecureUser(u wire.User) wire.User {
	u.TwoFactor.RecoveryCodes = u.TwoFactor.RecoveryCodes[:0:0] // nil stays nil, so that nothing appears that was not there
	if len(u.Registrations) > 0 {
		u.Registrations = slices.Clone(u.Registrations)
		for i, r := range u.Registrations {
			u.Registrations[i] = secureRegistration(r)
		}
		slices.SortStableFunc(u.Registrations, func(a, b wire.Registration) int { return cmp.Compare(a.ApplicationID, b.ApplicationID) })
	}
	return u
}

func secureUserIfAny(u *wire.User) *wire.User {
	if u == nil {
		return nil
	}
	secured := SecureUser(*u)
	return &secured
}

// secureRegistration removes the authentication token, which is as good as a password, and the tokens of identity providers.
func secureRegistration(r wire.Registration) wire.Registration {
	r.AuthenticationToken = ""
	if r.Tokens != nil {
		r.Tokens = map[string]string{}
	}
	return r
}

func secureEntity(e wire.Entity) wire.Entity {
	e.ClientSecret = ""
	return e
}
