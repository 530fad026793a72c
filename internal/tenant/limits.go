package tenant

import (
	"encoding/json"
	"time"

	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
)

// MessageLimits are what messageLimits, which is ours, says about messages. They are against strangers who make us send: to a number that they earn
// with, or to somebody whom they annoy.
type MessageLimits struct {
	// Recipient has those of each recipient; all of them count. By default 5 in 10 minutes and 20 in a day; a tenant's own replaces both.
	Recipient []MessageLimit
	// Tenant is that of all messages together. By default 1,000 a minute.
	Tenant MessageLimit
}

// MessageLimit allows so many messages within a period.
type MessageLimit struct {
	Count  int
	Period time.Duration
}

// DefaultMessageLimits are those of a tenant that has none of its own.
func DefaultMessageLimits() MessageLimits {
	return MessageLimits{
		Recipient: []MessageLimit{{5, 10 * time.Minute}, {20, 24 * time.Hour}},
		Tenant:    MessageLimit{1000, time.Minute},
	}
}

// Bounds. For each message those to its recipient are counted one by one, those of a tenant as they come and go. What is counted is on record for a
// day at least.
const (
	maxToRecipient   = 1_000
	maxOfTenant      = 100_000
	maxMessagePeriod = 24 * 60 * 60 // seconds
)

// messageLimitsOf reads
//
//	{"perRecipient": {"limit": 5, "timePeriodInSeconds": 600}, "perTenant": {"limit": 1000, "timePeriodInSeconds": 60}}
func messageLimitsOf(raw json.RawMessage) MessageLimits {
	limits, m := DefaultMessageLimits(), loose.Members(raw)
	if own := loose.Members(m["perRecipient"]); own != nil {
		limits.Recipient = []MessageLimit{messageLimitOf(own, limits.Recipient[0], maxToRecipient)}
	}
	limits.Tenant = messageLimitOf(loose.Members(m["perTenant"]), limits.Tenant, maxOfTenant)
	return limits
}

func messageLimitOf(m map[string]json.RawMessage, fallback MessageLimit, most int) MessageLimit {
	seconds := loose.Int(m["timePeriodInSeconds"], int(fallback.Period/time.Second), 1, maxMessagePeriod)
	return MessageLimit{loose.Int(m["limit"], fallback.Count, 1, most), time.Duration(seconds) * time.Second}
}

// checkMessageLimits adds what is wrong with messageLimits.
func checkMessageLimits(v *problem.Validation, raw json.RawMessage) {
	const path = "tenant.messageLimits"
	m, _ := loose.CheckObject(v, path, raw)
	for _, of := range []struct {
		name string
		most int
	}{{"perRecipient", maxToRecipient}, {"perTenant", maxOfTenant}} {
		path := path + "." + of.name
		limit, _ := loose.CheckObject(v, path, m[of.name])
		loose.CheckInt(v, path+".limit", limit["limit"], 1, of.most)
		loose.CheckInt(v, path+".timePeriodInSeconds", limit["timePeriodInSeconds"], 1, maxMessagePeriod)
	}
}
