package kickstart_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/kickstart"
)

// server is a target that writes down what it is asked, and answers as scripted.
type server struct {
	touched bool
	answer  func(w http.ResponseWriter, r *http.Request, n int) // n counts requests from 1; nil answers 200
	keyErr  error                                               // of the second key
	steps   []string
	log     bytes.Buffer
}

func (s *server) target() kickstart.Target {
	n, keys := 0, 0
	return kickstart.Target{
		Untouched:     func(context.Context) (bool, error) { return !s.touched, nil },
		DefaultTenant: func(_ context.Context, id string) error { s.steps = append(s.steps, "tenant "+id); return nil },
		CreateKey: func(_ context.Context, k kickstart.APIKey) error {
			keys++
			if keys == 2 && s.keyErr != nil {
				return s.keyErr
			}
			s.steps = append(s.steps, "key "+k.Key+" "+k.TenantID)
			return nil
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n++
			body, err := io.ReadAll(r.Body)
			if err != nil {
				panic(err)
			}
			s.steps = append(s.steps, fmt.Sprintf("%s %s [%s] [%s] [%s] %s", r.Method, r.RequestURI, r.Header.Get("Authorization"), r.Header.Get("X-FusionAuth-TenantId"), r.Header.Get("Content-Type"), body))
			if s.answer != nil {
				s.answer(w, r, n)
			}
		}),
		Success: func(context.Context) error { s.steps = append(s.steps, "success"); return nil },
	}
}

func (s *server) run(t *testing.T, f *kickstart.File) (kickstart.Report, error) {
	t.Helper()
	return kickstart.Run(t.Context(), f, s.target(), slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// load loads a file with two keys and the given requests.
func load(t *testing.T, requests string) *kickstart.File {
	t.Helper()
	path := write(t, t.TempDir(), "k.json", `{
		"variables": {"defaultTenantId": "30663132-6464-6665-3032-326466613934"},
		"apiKeys": [{"key": "`+planted+`-super", "name": "super"}, {"key": "`+planted+`-tenant", "tenantId": "aaaaaaaa-6464-6665-3032-326466613934"}],
		"settings": {"readTimeout": 2000},
		"requests": [`+requests+`]}`)
	f, err := kickstart.Load(path, env, builtIns())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// again follows what remains of a run that failed after its first key.
const again = "; to run the file again, begin with an empty store"

const threeRequests = `
	{"method": "POST", "url": "/api/tenant/aaaaaaaa-6464-6665-3032-326466613934", "body": {"tenant": {"name": "Other"}}},
	{"method": "PATCH", "url": "/api/user/1?q=` + planted + `", "tenantId": "AAAAAAAA-6464-6665-3032-326466613934", "contentType": "application/merge-patch+json", "body": {"user": {"password": "` + planted + `-password"}}},
	{"method": "PUT", "url": "/api/thing"}`

func TestRun_EverythingInOrder(t *testing.T) {
	t.Parallel()
	var s server
	report, err := s.run(t, load(t, threeRequests))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"tenant 30663132-6464-6665-3032-326466613934",
		"key pl4nted-super ",
		"key pl4nted-tenant aaaaaaaa-6464-6665-3032-326466613934",
		`POST /api/tenant/aaaaaaaa-6464-6665-3032-326466613934 [pl4nted-super] [] [application/json] {"tenant":{"name":"Other"}}`,
		`PATCH /api/user/1?q=pl4nted [pl4nted-super] [aaaaaaaa-6464-6665-3032-326466613934] [application/merge-patch+json] {"user":{"password":"pl4nted-password"}}`,
		`PUT /api/thing [pl4nted-super] [] [] `,
		"success",
	}
	if diff := cmp.Diff(want, s.steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	wantReport := kickstart.Report{
		Keys: 2, Requests: 3,
		Done: []string{
			"default tenant 30663132-6464-6665-3032-326466613934",
			`API key "super" (1 of 2)`,
			`API key (2 of 2)`,
			"request 1 of 3 (POST /api/tenant/aaaaaaaa-6464-6665-3032-326466613934)",
			"request 2 of 3 (PATCH /api/user/1?…)",
			"request 3 of 3 (PUT /api/thing)",
		},
	}
	if diff := cmp.Diff(wantReport, report); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if got := report.String(); got != "2 keys and 3 requests were applied" {
		t.Errorf("report says %q", got)
	}
	if strings.Contains(s.log.String(), planted) {
		t.Errorf("the log shows a secret:\n%s", s.log.String())
	}
	if !strings.Contains(s.log.String(), "kickstart done") {
		t.Errorf("the log does not say that it is done:\n%s", s.log.String())
	}
}

func TestRun_TouchedServerIsSkipped(t *testing.T) {
	t.Parallel()
	s := server{touched: true}
	report, err := s.run(t, load(t, threeRequests))
	if err != nil || !report.Skipped || len(s.steps) != 0 {
		t.Errorf("report %v, error %v, steps %q", report, err, s.steps)
	}
	if got := strings.Count(s.log.String(), "\n"); got != 1 || !strings.Contains(s.log.String(), "kickstart skipped") {
		t.Errorf("want one line that says so:\n%s", s.log.String())
	}
}

func TestRun_WarningsAreLogged(t *testing.T) {
	t.Parallel()
	var s server
	f := load(t, `{"method": "POST", "url": "/api/${tenant}"}`)
	report, err := s.run(t, f)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Warnings) != 1 || !strings.Contains(s.log.String(), "will be sent literally") {
		t.Errorf("warnings %v, log:\n%s", report.Warnings, s.log.String())
	}
}

func TestRun_Failures(t *testing.T) {
	t.Parallel()
	// at answers 200 to all requests but the nth.
	at := func(n int, answer http.HandlerFunc) func(http.ResponseWriter, *http.Request, int) {
		return func(w http.ResponseWriter, r *http.Request, i int) {
			if i == n {
				answer(w, r)
			}
		}
	}
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	var many []string
	for i := range 9 {
		many = append(many, fmt.Sprintf(`{"code":"[c%d]","message":"m%[1]d"}`, i))
	}
	tests := []struct {
		name     string
		answer   func(http.ResponseWriter, *http.Request, int)
		requests int // applied
		status   int
		codes    []string
		want     string
	}{
		{
			name:   "errors document",
			answer: at(2, status(400, `{"fieldErrors":{"user.password":[{"code":"[tooShort]user.password","message":"The password `+planted+`-password is too short."}],"user.email":[{"code":"[blank]user.email","message":"You must\nspecify an email."}]},"generalErrors":[{"code":"[General]","message":"Key `+planted+`-super."}]}`)),
			status: 400, requests: 1, codes: []string{"[blank]user.email", "[tooShort]user.password", "[General]"},
			want: "kickstart stopped at request 2 of 3 (PATCH /api/user/1?…): it was answered with 400: [blank]user.email You must specify an email.; [tooShort]user.password The password ••• is too short.; [General] Key •••.\n" +
				"2 keys and 1 of 3 requests were applied and remain" + again,
		},
		{
			name: "not allowed", answer: at(1, status(401, "")), status: 401,
			want: "kickstart stopped at request 1 of 3 (POST /api/tenant/aaaaaaaa-6464-6665-3032-326466613934): it was answered with 401: the first API key may not do this\n2 keys and 0 of 3 requests were applied and remain" + again,
		},
		{
			name: "not found", answer: at(3, status(404, "")), status: 404, requests: 2,
			want: "kickstart stopped at request 3 of 3 (PUT /api/thing): it was answered with 404: there is no such object or endpoint\n2 keys and 2 of 3 requests were applied and remain" + again,
		},
		{
			name: "refused by a webhook", answer: at(3, status(504, `{"generalErrors":[{"code":"[WebhookTransactionException]","message":"No."}]}`)), status: 504, requests: 2, codes: []string{"[WebhookTransactionException]"},
			want: "kickstart stopped at request 3 of 3 (PUT /api/thing): it was answered with 504: [WebhookTransactionException] No.\n2 keys and 2 of 3 requests were applied and remain" + again,
		},
		{
			name: "a body that is no errors document", answer: at(3, status(500, "<html>"+planted)), status: 500, requests: 2,
			want: "kickstart stopped at request 3 of 3 (PUT /api/thing): it was answered with 500\n2 keys and 2 of 3 requests were applied and remain" + again,
		},
		{
			name: "redirect", answer: at(3, status(302, "")), status: 302, requests: 2,
			want: "kickstart stopped at request 3 of 3 (PUT /api/thing): it was answered with 302\n2 keys and 2 of 3 requests were applied and remain" + again,
		},
		{
			name: "many errors", answer: at(3, status(400, `{"generalErrors":[`+strings.Join(many, ",")+`]}`)), status: 400, requests: 2, codes: []string{"[c0]", "[c1]", "[c2]", "[c3]", "[c4]"},
			want: "kickstart stopped at request 3 of 3 (PUT /api/thing): it was answered with 400: [c0] m0; [c1] m1; [c2] m2; [c3] m3; [c4] m4; and 4 more\n2 keys and 2 of 3 requests were applied and remain" + again,
		},
		{
			name: "a huge answer", answer: at(3, status(400, `{"generalErrors":[{"code":"[c]","message":"`+strings.Repeat("x", 1<<20)+`"}]}`)), status: 400, requests: 2,
			want: "kickstart stopped at request 3 of 3 (PUT /api/thing): it was answered with 400\n2 keys and 2 of 3 requests were applied and remain" + again,
		},
		{
			name: "panic", answer: at(2, func(http.ResponseWriter, *http.Request) { panic("with " + planted + "-password") }), requests: 1,
			want: "kickstart stopped at request 2 of 3 (PATCH /api/user/1?…): the server failed while answering; the log has the details\n2 keys and 1 of 3 requests were applied and remain" + again,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := server{answer: tt.answer}
			report, err := s.run(t, load(t, threeRequests))
			step, ok := errors.AsType[*kickstart.StepError](err)
			if !ok {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if step.Status != tt.status || !slices.Equal(step.Codes, tt.codes) {
				t.Errorf("status %d, codes %q", step.Status, step.Codes)
			}
			if report.Keys != 2 || report.Requests != tt.requests || len(report.Done) != 3+tt.requests {
				t.Errorf("report %+v", report)
			}
			if slices.Contains(s.steps, "success") || len(s.steps) != 3+tt.requests+1 {
				t.Errorf("it went on: %q", s.steps)
			}
			if strings.Contains(s.log.String(), planted) {
				t.Errorf("the log shows a secret:\n%s", s.log.String())
			}
		})
	}
}

func TestRun_KeyThatCannotBeCreated(t *testing.T) {
	t.Parallel()
	cause := errors.New("duplicate " + planted + "-tenant")
	s := server{keyErr: cause}
	report, err := s.run(t, load(t, threeRequests))
	want := "kickstart stopped at API key (2 of 2): duplicate •••\n1 key and 0 of 3 requests were applied and remain" + again
	if err == nil || err.Error() != want || !errors.Is(err, cause) || report.Keys != 1 {
		t.Errorf("error %v, report %v; want %q", err, report, want)
	}
	if unwrapped := errors.Unwrap(err); strings.Contains(unwrapped.Error(), planted) {
		t.Errorf("the cause shows a secret: %v", unwrapped)
	}
}

func TestRun_TargetFailures(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk full")
	fails := func(context.Context) error { return cause }
	tests := []struct {
		name   string
		change func(*kickstart.Target)
		want   string
	}{
		{"cannot tell", func(x *kickstart.Target) { x.Untouched = func(context.Context) (bool, error) { return true, cause } }, "kickstart: cannot tell whether the server is in use: disk full"},
		{"default tenant", func(x *kickstart.Target) {
			x.DefaultTenant = func(context.Context, string) error { return cause }
		}, "kickstart stopped at the id of the default tenant (variable defaultTenantId): disk full\nnothing was applied"},
		{"no default tenant", func(x *kickstart.Target) { x.DefaultTenant = nil }, "kickstart stopped at the id of the default tenant (variable defaultTenantId): this server cannot change it\nnothing was applied"},
		{"success", func(x *kickstart.Target) { x.Success = fails }, "kickstart stopped at the event kickstart.success: disk full\n2 keys and 3 of 3 requests were applied and remain" + again},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s server
			target := s.target()
			tt.change(&target)
			if _, err := kickstart.Run(t.Context(), load(t, threeRequests), target, nil); err == nil || err.Error() != tt.want {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestRun_Timeout(t *testing.T) {
	t.Parallel()
	f := load(t, threeRequests)
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request, release <-chan struct{}){
		"the handler obeys the context": func(_ http.ResponseWriter, r *http.Request, _ <-chan struct{}) { <-r.Context().Done() },
		"the handler says it was too late": func(w http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
			<-r.Context().Done()
			w.WriteHeader(503)
		},
		"the handler hangs": func(w http.ResponseWriter, _ *http.Request, release <-chan struct{}) { <-release; w.WriteHeader(200) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // the clock jumps when everybody waits
				release := make(chan struct{})
				defer close(release)
				s := server{answer: func(w http.ResponseWriter, r *http.Request, n int) {
					if n == 2 {
						answer(w, r, release)
					}
				}}
				start := time.Now()
				report, err := s.run(t, f)
				want := "kickstart stopped at request 2 of 3 (PATCH /api/user/1?…): no answer within 2s (settings.readTimeout); it may still have been applied\n2 keys and 1 of 3 requests were applied and remain" + again
				if err == nil || err.Error() != want || !errors.Is(err, context.DeadlineExceeded) || report.Requests != 1 {
					t.Errorf("error %v, want %q", err, want)
				}
				if took := time.Since(start); took != 2*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

func TestRun_Interrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := server{answer: func(_ http.ResponseWriter, r *http.Request, n int) {
		if n == 2 {
			cancel()
			<-r.Context().Done()
		}
	}}
	report, err := kickstart.Run(ctx, load(t, threeRequests), s.target(), nil)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "because the server stops") || report.Requests != 1 {
		t.Errorf("error %v, report %v", err, report)
	}
}
