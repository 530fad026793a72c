package twofactor

import (
	"cmp"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// needed tells whether a login needs a second factor.
func needed(policy tenant.LoginPolicy, a application.Application, hasMethod, trusted bool) bool {
	switch cmp.Or(a.LoginPolicy, policy) {
	case tenant.ChallengeDisabled:
		return false
	case tenant.ChallengeRequired:
		return !trusted // a user without a method has to add one
	default:
		return hasMethod && !trusted
	}
}

// trusts tells whether a computer that was trusted while logging in to an application counts for a.
func trusts(a application.Application, in wire.ID) bool {
	switch a.TrustPolicy {
	case application.TrustNone:
		return false
	case application.TrustThis:
		return in == a.ID
	default:
		return true
	}
}
