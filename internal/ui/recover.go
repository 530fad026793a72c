package ui

import (
	"cmp"
	"strconv"
	"time"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

var recoverRoutes = []route{
	{"GET /admin/webhook/{id}/recover", signedIn, admin.Webhooks, admin.Change, (*server).askRecover},
	{"POST /admin/webhook/{id}/recover", signedIn, admin.Webhooks, admin.Change, (*server).recover},
	{"GET /admin/sink/{id}/recover", signedIn, admin.Webhooks, admin.Change, (*server).askRecover},
	{"POST /admin/sink/{id}/recover", signedIn, admin.Webhooks, admin.Change, (*server).recover},
}

// unaskedRecovery is up to how many requests are begun without the password.
const unaskedRecovery = 1000

type recoverPage struct {
	called
	// Since is an instant as its input writes it, in UTC.
	Since, Which, Rate string
	// Count is what it would do; nil before it was counted.
	Count *wire.DeliveryDryRunResponse
	// Took is about how long it will take, 0 when nothing says.
	Took time.Duration
	// Paused tells that nothing will be sent before the receiver is resumed.
	Paused bool
}

// Cautious tells that so many requests want the password.
func (p recoverPage) Cautious() bool { return p.Count != nil && p.Count.Count > unaskedRecovery }

// About is how long it will take, for people; "" when nothing says.
func (p recoverPage) About(at frame) string {
	if p.Took == 0 {
		return ""
	}
	return at.lasting(p.Took)
}

// Parts are the choices of what is recovered.
func (p recoverPage) Parts(at frame) []option {
	return []option{
		{Text: at.Say("RecoverAll")},
		{Value: string(wire.RecoverFailed), Text: at.Say("RecoverFailed")},
		{Value: string(wire.RecoverNeverSent), Text: at.Say("RecoverNeverSent")},
	}
}

// inputInstant is how inputs of the type datetime-local write instants.
const inputInstant = "2006-01-02T15:04"

// recovery is what the form asks for. What is wrong with it has the names of its inputs.
func (v *visit) recovery(id wire.ID) (request wire.DeliveryRecoverRequest, err error) {
	var wrong problem.Validation
	request.DeliveryRecovery = wire.DeliveryRecovery{WebhookID: id, Which: wire.RecoveryPart(v.FormValue("which"))}
	at, err := time.Parse(inputInstant, firstOf(v.FormValue("since"), len(inputInstant)))
	if wrong.Check(err == nil, "since", "invalid", "%s", v.text.say("RecoverSinceWrong")); err == nil {
		request.Since = wire.Instant(at.UnixMilli())
	}
	if text := v.FormValue("rate"); text != "" {
		rate, err := strconv.ParseFloat(text, 64)
		wrong.Check(err == nil, "rate", "invalid", "%s", v.text.say("RecoverRateWrong"))
		request.Rate = &rate
	}
	return request, wrong.Err()
}

// firstOf is the beginning of a text: browsers add seconds to an instant or do not.
func firstOf(text string, most int) string { return text[:min(len(text), most)] }

// askRecover asks since when, and says what it would do, in numbers.
func (s *server) askRecover(v *visit) error {
	to, err := s.receiver(v.Context(), v.id())
	if err != nil {
		return err
	}
	flow := s.Outbox.Flow(to.ID)
	page := recoverPage{called: to, Since: v.FormValue("since"), Which: v.FormValue("which"), Rate: v.FormValue("rate"), Paused: flow.Paused}
	if page.Since == "" { // since it has failed, or else a day
		since := v.began.Add(-24 * time.Hour)
		if flow.Open {
			since = time.UnixMilli(flow.OpenedInstant)
		}
		page.Since = since.UTC().Format(inputInstant)
	} else {
		request, err := v.recovery(to.ID)
		if err == nil {
			request.DryRun = true
			_, page.Count, err = s.Replay.BeginRecover(v.Context(), request)
		}
		if err != nil && v.problem == nil {
			return v.again(err, func() error { return s.showRecover(v, page) })
		}
		if page.Count != nil {
			page.Took = took(page.Count.Count, cmp.Or(rateOf(request.Rate), to.rateLimit), to.rateLimit)
		}
	}
	return s.showRecover(v, page)
}

func rateOf(rate *float64) float64 {
	if rate == nil {
		return 0
	}
	return *rate
}

// took is how long so many deliveries take at a rate per second, of which the receiver may allow less. It is 0 when there is no rate.
func took(count int, rate, limit float64) time.Duration {
	if limit > 0 {
		rate = min(rate, limit)
	}
	if rate <= 0 {
		return 0
	}
	return time.Duration(float64(count) / rate * float64(time.Second))
}

func (s *server) showRecover(v *visit, page recoverPage) error {
	page.lead(v)
	v.of = page.Name
	return v.show("recover", "Recover", page)
}

// recover begins the task.
func (s *server) recover(v *visit) error {
	again := func(err error) error { return v.again(err, func() error { return s.askRecover(v) }) }
	to, err := s.receiver(v.Context(), v.id())
	if err != nil {
		return err
	}
	request, err := v.recovery(to.ID)
	if err != nil {
		return again(err)
	}
	request.DryRun = true
	_, counted, err := s.Replay.BeginRecover(v.Context(), request)
	if err == nil && counted.Count > unaskedRecovery {
		err = v.confirm()
	}
	if err != nil {
		return again(err)
	}
	request.DryRun = false
	c := v.changing("Began to recover what the %s %s has missed since %s", to.kind(), to.ID, request.Since.Shown()).of(to.kind(), to.ID)
	c.after = request
	task, _, err := s.Replay.BeginRecover(c.context(), request)
	if err != nil {
		return again(err)
	}
	return v.done("TaskBegun", "/admin/task/"+string(task.ID))
}
