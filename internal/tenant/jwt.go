package tenant

import (
	"encoding/json"
	"time"

	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// JWT is what jwtConfiguration says about tokens. An application that has one of its own, switched on, says it in the same words.
type JWT struct {
	// AccessTokenKeyID and IDTokenKeyID sign. Default: the key that exists from the first start.
	AccessTokenKeyID, IDTokenKeyID wire.ID
	// AccessToken is how long an access token is good, RefreshToken how long a refresh token.
	AccessToken, RefreshToken time.Duration
	Expiration                ExpirationPolicy
	// MaximumRefreshToken bounds a refresh token whose life is extended, counted from its first issue. Only with SlidingWindowMax.
	MaximumRefreshToken time.Duration
	Usage               UsagePolicy
	// Grace is how long the value that a one-time refresh token had before is still taken.
	Grace time.Duration
	// Revoke says what ends the refresh tokens of a user. A tenant says it for all its applications.
	Revoke RevocationPolicy
}

// ExpirationPolicy says how long a refresh token lives.
type ExpirationPolicy string

// The policies.
const (
	ExpirationFixed      ExpirationPolicy = "Fixed"         // from its issue
	ExpirationSliding    ExpirationPolicy = "SlidingWindow" // from its last use
	ExpirationSlidingMax ExpirationPolicy = "SlidingWindowWithMaximumLifetime"
)

// UsagePolicy says how often the value of a refresh token can be used.
type UsagePolicy string

// The policies.
const (
	UsageReusable UsagePolicy = "Reusable"
	UsageOneTime  UsagePolicy = "OneTimeUse" // each use gives it another value
)

// RevocationPolicy says what ends the refresh tokens of a user.
type RevocationPolicy struct {
	OnLoginPrevented, OnPasswordChanged, OnMultiFactorEnable, OnOneTimeTokenReuse bool
}

var (
	expirationPolicies = []ExpirationPolicy{ExpirationFixed, ExpirationSliding, ExpirationSlidingMax}
	usagePolicies      = []UsagePolicy{UsageReusable, UsageOneTime}
)

// defaultJWT has FusionAuth's values.
var defaultJWT = JWT{
	AccessTokenKeyID: DefaultSigningKeyID, IDTokenKeyID: DefaultSigningKeyID,
	AccessToken: time.Hour, RefreshToken: 30 * 24 * time.Hour, MaximumRefreshToken: 30 * 24 * time.Hour,
	Expiration: ExpirationFixed, Usage: UsageReusable, Revoke: RevocationPolicy{OnLoginPrevented: true, OnPasswordChanged: true},
}

const maxLifetimeMinutes = maxLifetime / 60

// JWTOf reads a jwtConfiguration. What it leaves open is as in fallback.
func JWTOf(raw json.RawMessage, fallback JWT) JWT {
	m := loose.Members(raw)
	seconds := func(of map[string]json.RawMessage, name string, fallback time.Duration, least int) time.Duration {
		return time.Duration(loose.Int(of[name], int(fallback/time.Second), least, maxLifetime)) * time.Second
	}
	minutes := func(of map[string]json.RawMessage, name string, fallback time.Duration) time.Duration {
		return time.Duration(loose.Int(of[name], int(fallback/time.Minute), 1, maxLifetimeMinutes)) * time.Minute
	}
	j := fallback
	if id := loose.ID(m["accessTokenKeyId"]); id != "" {
		j.AccessTokenKeyID = id
	}
	if id := loose.ID(m["idTokenKeyId"]); id != "" {
		j.IDTokenKeyID = id
	}
	j.AccessToken = seconds(m, "timeToLiveInSeconds", fallback.AccessToken, 1)
	j.RefreshToken = minutes(m, "refreshTokenTimeToLiveInMinutes", fallback.RefreshToken)
	j.Expiration = loose.OneOf(m["refreshTokenExpirationPolicy"], fallback.Expiration, expirationPolicies)
	j.MaximumRefreshToken = minutes(loose.Members(m["refreshTokenSlidingWindowConfiguration"]), "maximumTimeToLiveInMinutes", fallback.MaximumRefreshToken)
	j.Usage = loose.OneOf(m["refreshTokenUsagePolicy"], fallback.Usage, usagePolicies)
	j.Grace = seconds(loose.Members(m["refreshTokenOneTimeUseConfiguration"]), "gracePeriodInSeconds", fallback.Grace, 0)
	revoke := loose.Members(m["refreshTokenRevocationPolicy"])
	j.Revoke = RevocationPolicy{
		OnLoginPrevented:    loose.Bool(revoke["onLoginPrevented"], fallback.Revoke.OnLoginPrevented),
		OnPasswordChanged:   loose.Bool(revoke["onPasswordChanged"], fallback.Revoke.OnPasswordChanged),
		OnMultiFactorEnable: loose.Bool(revoke["onMultiFactorEnable"], fallback.Revoke.OnMultiFactorEnable),
		OnOneTimeTokenReuse: loose.Bool(revoke["onOneTimeTokenReuse"], fallback.Revoke.OnOneTimeTokenReuse),
	}
	return j
}

// CheckJWT adds what is wrong with a jwtConfiguration. Whether its keys exist is not looked at.
func CheckJWT(v *problem.Validation, path string, raw json.RawMessage) {
	m, _ := loose.CheckObject(v, path, raw)
	loose.CheckBool(v, path+".enabled", m["enabled"])
	loose.CheckID(v, path+".accessTokenKeyId", m["accessTokenKeyId"])
	loose.CheckID(v, path+".idTokenKeyId", m["idTokenKeyId"])
	// Zero is how the Go client says that nothing was set.
	loose.CheckInt(v, path+".timeToLiveInSeconds", m["timeToLiveInSeconds"], 0, maxLifetime)
	loose.CheckInt(v, path+".refreshTokenTimeToLiveInMinutes", m["refreshTokenTimeToLiveInMinutes"], 0, maxLifetimeMinutes)
	loose.CheckOneOf(v, path+".refreshTokenExpirationPolicy", m["refreshTokenExpirationPolicy"], expirationPolicies)
	loose.CheckOneOf(v, path+".refreshTokenUsagePolicy", m["refreshTokenUsagePolicy"], usagePolicies)
	sliding, _ := loose.CheckObject(v, path+".refreshTokenSlidingWindowConfiguration", m["refreshTokenSlidingWindowConfiguration"])
	loose.CheckInt(v, path+".refreshTokenSlidingWindowConfiguration.maximumTimeToLiveInMinutes", sliding["maximumTimeToLiveInMinutes"], 0, maxLifetimeMinutes)
	once, _ := loose.CheckObject(v, path+".refreshTokenOneTimeUseConfiguration", m["refreshTokenOneTimeUseConfiguration"])
	loose.CheckInt(v, path+".refreshTokenOneTimeUseConfiguration.gracePeriodInSeconds", once["gracePeriodInSeconds"], 0, maxLifetime)
	revoke, _ := loose.CheckObject(v, path+".refreshTokenRevocationPolicy", m["refreshTokenRevocationPolicy"])
	for _, member := range []string{"onLoginPrevented", "onPasswordChanged", "onMultiFactorEnable", "onOneTimeTokenReuse"} {
		loose.CheckBool(v, path+".refreshTokenRevocationPolicy."+member, revoke[member])
	}
}
