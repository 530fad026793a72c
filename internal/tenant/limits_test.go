package tenant_test

import (
	"fmt"
	"testing"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

func TestMessageLimits(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		for limits, want := range map[string]string{
			`null`:                         "{[{5 10m0s} {20 24h0m0s}] {1000 1m0s}}",
			`{}`:                           "{[{5 10m0s} {20 24h0m0s}] {1000 1m0s}}",
			`{"perRecipient":{"limit":2}}`: "{[{2 10m0s}] {1000 1m0s}}",
			`{"perTenant":{"limit":"7","timePeriodInSeconds":30.0},"other":1}`:          "{[{5 10m0s} {20 24h0m0s}] {7 30s}}",
			`{"perRecipient":{"limit":1,"timePeriodInSeconds":86400},"perTenant":{}}`:   "{[{1 24h0m0s}] {1000 1m0s}}",
			`{"perRecipient":{"limit":"","timePeriodInSeconds":null},"perTenant":null}`: "{[{5 10m0s}] {1000 1m0s}}",
			`[]`:                              "[couldNotConvert]tenant.messageLimits",
			`{"perRecipient":{"limit":0}}`:    "[invalid]tenant.messageLimits.perRecipient.limit",
			`{"perRecipient":{"limit":1.5}}`:  "[couldNotConvert]tenant.messageLimits.perRecipient.limit",
			`{"perRecipient":{"limit":1001}}`: "[invalid]tenant.messageLimits.perRecipient.limit",
			`{"perTenant":{"limit":100001}}`:  "[invalid]tenant.messageLimits.perTenant.limit",
			`{"perRecipient":{"limit":1},"perTenant":{"timePeriodInSeconds":"86401"}}`: "[invalid]tenant.messageLimits.perTenant.timePeriodInSeconds",
		} {
			_, err := s.Update(t.Context(), defaultID, func(wire.Tenant) (wire.Tenant, []wire.ID, error) {
				return parse(t, `{"name": "x", "messageLimits": `+limits+`}`), nil, nil
			})
			got := fmt.Sprint(flowsOf(t, s, defaultID).Messages)
			if codes := codesOf(t, err); len(codes) == 1 {
				got = codes[0]
			}
			if got != want {
				t.Errorf("%s: %s, want %s", limits, got, want)
			}
		}
	})
}
