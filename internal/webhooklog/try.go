package webhooklog

import (
	"context"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/filter"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

const (
	triedByDefault = 100
	mostTried      = 1000
)

// TryFilter tells what an expression says about the newest events on record, tests excepted. Errors: a problem of kind Invalid for one that cannot be read.
func (r *Reader) TryFilter(ctx context.Context, request wire.FilterTryRequest) (answer wire.FilterTryResponse, err error) {
	var v problem.Validation
	webhook.CheckFilter(&v, "filter", &request.Filter)
	v.Check(request.Filter != "", "filter", "blank", "Give an expression, such as event.type startsWith \"user.\".")
	v.Check(request.Limit >= 0 && request.Limit <= mostTried, "limit", "invalid", "Between 1 and %d events can be looked at.", mostTried)
	if err := v.Err(); err != nil {
		return answer, err
	}
	if request.Limit == 0 {
		request.Limit = triedByDefault
	}
	f := webhook.FilterOf(request.Filter)
	err = r.db.View(ctx, func(tx *db.Tx) error {
		answer = wire.FilterTryResponse{}
		return eachNewest(tx, request.Limit, func(e wire.FilteredEvent, body []byte) {
			var why error
			if e.Matches, why = f.Match(filter.NewEvent(body)); why != nil {
				e.Error = why.Error()
				answer.Failed++
			}
			if e.Matches {
				answer.Matched++
			}
			answer.Tried++
			answer.Events = append(answer.Events, e)
		})
	})
	return answer, err
}
