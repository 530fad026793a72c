package twofactor

import (
	"cmp"

	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// TrustPolicy says which trusted computers spare an application's users the second factor.
type TrustPolicy string

// The policies.
const (
	TrustAny  TrustPolicy = "Any"  // those that were trusted while logging in to any application
	TrustThis TrustPolicy = "This" // those that were trusted while logging in to this one
	TrustNone TrustPolicy = "None" // none
)

// needed tells whether a login needs a second factor.
func needed(policy tenant.LoginPolicy, a Application, hasMethod, trusted bool) bool {
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
func trusts(a Application, in wire.ID) bool {
	switch a.Trust {
	case TrustNone:
		return false
	case TrustThis:
		return in == a.ID
	default:
		return true
	}
}
