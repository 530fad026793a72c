package app_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// basicAuth reads the login of a recorded request.
func basicAuth(q egresstest.Recorded) (user, password string, ok bool) {
	return (&http.Request{Header: q.Header}).BasicAuth()
}

// trial is what one webhook makes of one event that it has a vote on.
type trial struct {
	status  int    // of the answer to the caller
	outcome string // of the attempt on record
	took    time.Duration
}

// ask creates a user whose only voter is a webhook at the URL, changed by change, and removes the webhook again.
func ask(t *testing.T, s *apptest.Server, email, url string, change ...func(*wire.Webhook)) trial {
	t.Helper()
	id := s.Subscribe(url, []string{"user.create"}, change...)
	began := time.Now()
	answer := s.Call("POST", "/api/user", user(email))
	took := time.Since(began)
	if answer.Status != 200 && string(answer.Body) != exact504 {
		t.Errorf("%s: answer %d %s", email, answer.Status, answer.Body)
	}
	s.Call("DELETE", "/api/webhook/"+string(id), nil).Want(200)
	outcomes := s.Strings(`SELECT kind || ' ' || outcome FROM attempt WHERE webhook_id = $1`, id)
	return trial{answer.Status, strings.Join(outcomes, ", "), took}
}

func TestDelivery_BodyAndHeaders(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.Any, "user.create")
		plain := egresstest.NewReceiver(t)
		// Says no when asked, and when it is sent to again, and only then yes.
		full := egresstest.NewReceiver(t).Script(egresstest.Status(500), egresstest.Status(429), egresstest.Accept())
		s.Subscribe(plain.URL+"/a/b?c=d&e", []string{"user.create"})
		s.Subscribe(full.URL, []string{"user.create"}, func(w *wire.Webhook) {
			w.Headers = map[string]string{"X-Api-Key": "s3cret", "x-lower-case": "blanks  inside", "Accept": "text/plain", "User-Agent": "mine"}
			w.HTTPAuthenticationUsername, w.HTTPAuthenticationPassword = "herald", "p:w ü"
		})
		var created wire.UserResponse
		s.Call("POST", "/api/user", `{"user":{"email":"bytes@example.com","password":"a long password","data":{"big":12345678901234567890,"markup":"<&>"}}}`, "User-Agent", "test/1").Want(200).Decode(&created)
		full.WaitFor(3)
		s.Settled(patience)

		first := plain.Requests()[0]
		if n := len(plain.Requests()); n != 1 || first.Method != "POST" || first.Path != "/a/b?c=d&e" {
			t.Errorf("%d requests, the first %s %s", n, first.Method, first.Path)
		}
		for i, q := range full.Requests() {
			if !bytes.Equal(q.Body, first.Body) {
				t.Errorf("attempt %d has another body:\n%s\n%s", i+1, q.Body, first.Body)
			}
			user, password, ok := basicAuth(q)
			if !ok || user != "herald" || password != "p:w ü" {
				t.Errorf("attempt %d: login %q %q", i+1, user, password)
			}
			for name, want := range map[string]string{
				"Content-Type": "application/json", "X-Api-Key": "s3cret", "X-Lower-Case": "blanks  inside", "Accept": "text/plain", "User-Agent": "mine",
			} {
				if got := q.Header[name]; !slices.Equal(got, []string{want}) {
					t.Errorf("attempt %d: %s is %q, want %q", i+1, name, got, want)
				}
			}
		}
		if got := first.Header; got.Get("Content-Type") != "application/json" || got.Get("Authorization") != "" || !strings.HasPrefix(got.Get("User-Agent"), "Herald/") {
			t.Errorf("header without settings: %v", got)
		}

		var body map[string]map[string]any
		d := json.NewDecoder(bytes.NewReader(first.Body))
		d.UseNumber()
		if err := d.Decode(&body); err != nil {
			t.Fatal(err)
		}
		e := body["event"]
		instant, _ := e["createInstant"].(json.Number).Int64()
		info, _ := e["info"].(map[string]any)
		sent, _ := e["user"].(map[string]any)
		if id, err := uuid.Parse(e["id"].(string)); err != nil || id.String() != e["id"] || len(body) != 1 || e["type"] != "user.create" || e["tenantId"] != string(s.Tenant) {
			t.Errorf("event %s", first.Body)
		}
		if time.Since(time.UnixMilli(instant)).Abs() > time.Minute || info["userAgent"] != "test/1" || info["ipAddress"] != "127.0.0.1" {
			t.Errorf("instant %d, info %v", instant, info)
		}
		if sent["id"] != string(created.User.ID) || sent["email"] != "bytes@example.com" || sent["password"] != nil || !bytes.Contains(first.Body, []byte(`"big":12345678901234567890,"markup":"<&>"`)) {
			t.Errorf("user %v", sent)
		}
	}, quickRetries)
}

// Each of the three switches of an event of a tenant can keep it from a webhook: the tenant's, the webhook's, and whose webhook it is. Events
// of the whole installation have only the webhook's.
func TestDelivery_Matching(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		other := createTenant(s, "Other")
		r := egresstest.NewReceiver(t)
		for owner, change := range map[string]func(*wire.Webhook){
			"global": func(*wire.Webhook) {},
			"mine":   func(w *wire.Webhook) { w.Global, w.TenantIDs = false, []wire.ID{s.Tenant} },
			"other":  func(w *wire.Webhook) { w.Global, w.TenantIDs = false, []wire.ID{other} },
			"both":   func(w *wire.Webhook) { w.Global, w.TenantIDs = false, []wire.ID{other, s.Tenant} },
			"none":   func(w *wire.Webhook) { w.Global = false },
			"off":    func(w *wire.Webhook) { w.Enabled = new(bool) },
		} {
			for _, on := range []bool{true, false} {
				path := "/" + owner
				if !on {
					path += "-without"
				}
				s.Subscribe(r.URL+path, nil, change, func(w *wire.Webhook) {
					w.EventsEnabled = wire.Map[bool]{"user.create": on, "audit-log.create": on, "user.delete": true}
				})
			}
		}
		events := func(tenant wire.ID, on bool) {
			s.Call("PATCH", "/api/tenant/"+string(tenant), map[string]any{"tenant": map[string]any{"eventConfiguration": map[string]any{"events": map[string]any{
				"user.create": map[string]any{"enabled": on, "transactionType": wire.AbsoluteMajority},
			}}}}).Want(200)
		}
		expect := func(when string, want ...string) {
			t.Helper()
			s.Settled(patience)
			got := []string{}
			for _, q := range r.Requests() {
				got = append(got, strings.TrimPrefix(q.Path, "/"))
			}
			slices.Sort(got)
			if !slices.Equal(got, append([]string{}, want...)) {
				t.Errorf("%s: sent to %v, want %v", when, got, want)
			}
			r.Forget()
		}
		create := func(email string, tenant wire.ID) {
			s.Call("POST", "/api/user", user(email), "X-FusionAuth-TenantId", string(tenant)).Want(200)
		}

		create("a@example.com", s.Tenant)
		expect("a tenant that says nothing about the event")
		events(s.Tenant, true)
		create("b@example.com", s.Tenant)
		expect("a tenant with the event", "both", "global", "mine")
		create("b@example.com", other)
		expect("another tenant without it")
		events(other, true)
		create("c@example.com", other)
		expect("another tenant with it", "both", "global", "other")
		events(s.Tenant, false)
		create("c@example.com", s.Tenant)
		expect("a tenant that has switched it off")
		var u wire.UserResponse
		s.Call("GET", "/api/user?email=c@example.com", nil, "X-FusionAuth-TenantId", string(other)).Want(200).Decode(&u)
		s.Call("DELETE", "/api/user/"+string(u.User.ID)+"?hardDelete=true", nil).Want(200)
		expect("an event that webhooks want and the tenant does not")

		log := func(tenant wire.ID) {
			s.Call("POST", "/api/system/audit-log", wire.AuditLogRequest{AuditLog: wire.AuditLog{InsertUser: "a", Message: "b", TenantID: tenant}}).Want(200)
		}
		log("")
		expect("an event of the installation", "both", "global", "mine", "none", "other")
		log(other)
		expect("an audit log entry of a tenant", "both", "global", "other")
	})
}

// A webhook's certificate is all that is trusted, and with a private key who we say we are.
func TestDelivery_TLS(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		authority, clients, stranger := egresstest.NewAuthority(t), egresstest.NewAuthority(t), egresstest.NewAuthority(t)
		secure, mutual := egresstest.NewTLSReceiver(t, authority), egresstest.NewMutualTLSReceiver(t, authority, clients)
		// With TLS 1.3 a client's certificate is refused after the handshake; the end of the connection may overtake the reason.
		const refusedLate = "vote tls|vote reset"
		for _, c := range []struct {
			name, url, pem string
			status         int
			outcome        string
		}{
			{"the authority", secure.URL, authority.PEM(), 200, "vote accepted"},
			{"the certificate of the receiver itself", secure.URL, secure.CertificatePEM(), 200, "vote accepted"},
			{"two authorities with line breaks of Windows", secure.URL, strings.ReplaceAll(stranger.PEM()+authority.PEM(), "\n", "\r\n"), 200, "vote accepted"},
			{"no certificate", secure.URL, "", 504, "vote tls"},
			{"another authority", secure.URL, stranger.PEM(), 504, "vote tls"},
			{"no TLS at all", strings.Replace(egresstest.NewReceiver(t).URL, "http:", "https:", 1), authority.PEM(), 504, "vote tls"},
			{"with a client certificate", mutual.URL, authority.PEM() + clients.ClientPEM("herald"), 200, "vote accepted"},
			{"without the client certificate", mutual.URL, authority.PEM(), 504, refusedLate},
			{"the client certificate of a stranger", mutual.URL, authority.PEM() + stranger.ClientPEM("mallory"), 504, refusedLate},
		} {
			got := ask(t, s, strings.ReplaceAll(c.name, " ", "-")+"@example.com", c.url, func(w *wire.Webhook) { w.SSLCertificate = c.pem })
			if got.status != c.status || !slices.Contains(strings.Split(c.outcome, "|"), got.outcome) {
				t.Errorf("%s: %d, attempts %q; want %d, %q", c.name, got.status, got.outcome, c.status, c.outcome)
			}
		}
		for _, q := range secure.Requests() {
			if q.TLS == nil || q.TLS.Version < 0x0303 {
				t.Errorf("a request came without TLS 1.2 or better: %+v", q.TLS)
			}
		}
		if got := mutual.Requests(); len(got) != 1 || got[0].TLS.PeerCertificates[0].Subject.CommonName != "herald" {
			t.Errorf("%d requests came to the receiver that wants client certificates", len(got))
		}
	})
}

func TestDelivery_Proxy(t *testing.T) {
	t.Parallel()
	const password = "proxy-password-0123456789"
	proxy := egresstest.NewProxy(t, "herald", password)
	locked := egresstest.NewProxy(t, "herald", "another password")
	through := func(p *egresstest.Proxy) apptest.Option {
		return func(o *app.Options) {
			o.Settings.Proxy = config.Proxy{Host: p.Addr.Addr().String(), Port: int(p.Addr.Port()), Username: "herald", Password: config.NewSecret(password)}
		}
	}
	engine := dbtest.Engines()[0] // the store has no part in this
	t.Run("open", func(t *testing.T) {
		t.Parallel()
		s := apptest.Start(t, engine, through(proxy))
		s.Enable(wire.AbsoluteMajority, "user.create")
		authority := egresstest.NewAuthority(t)
		plain, secure := egresstest.NewReceiver(t), egresstest.NewTLSReceiver(t, authority)
		if got := ask(t, s, "plain@example.com", plain.URL+"/hook"); got.status != 200 || got.outcome != "vote accepted" {
			t.Errorf("http: %+v", got)
		}
		if got := ask(t, s, "secure@example.com", secure.URL, func(w *wire.Webhook) { w.SSLCertificate = authority.PEM() }); got.status != 200 || got.outcome != "vote accepted" {
			t.Errorf("https: %+v", got)
		}
		if got, want := proxy.Targets(), []string{"POST " + plain.URL + "/hook", "CONNECT " + strings.TrimPrefix(secure.URL, "https://")}; !slices.Equal(got, want) {
			t.Errorf("the proxy was asked for %v, want %v", got, want)
		}
		if got := plain.Requests()[0].Header; got.Get("Proxy-Authorization") != "" {
			t.Errorf("the receiver got the login of the proxy")
		}
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		s := apptest.Start(t, engine, through(locked))
		s.Enable(wire.AbsoluteMajority, "user.create")
		r := egresstest.NewReceiver(t)
		if got := ask(t, s, "locked@example.com", r.URL); got.status != 504 || got.outcome != "vote connect" || len(r.Requests()) > 0 {
			t.Errorf("a proxy that refuses: %+v", got)
		}
		absent(t, s, password)
	})
}

// A server that is not trusted with the network behind it does not send there, whoever asks it to.
func TestDelivery_HardenedBlocksLoopback(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, dbtest.Engines()[0], func(o *app.Options) { o.Settings.Hardened = true })
	s.Enable(wire.AbsoluteMajority, "user.create")
	r := egresstest.NewReceiver(t)
	port := r.URL[strings.LastIndex(r.URL, ":"):]
	for i, url := range []string{r.URL, "http://localhost" + port, "http://[::ffff:127.0.0.1]" + port, "http://169.254.169.254/latest/meta-data", "http://0.0.0.0" + port} {
		got := ask(t, s, string(rune('a'+i))+"@example.com", url)
		if got.status != 504 || got.outcome != "vote blocked" {
			t.Errorf("%s: %+v", url, got)
		}
	}
	if n := len(r.Requests()); n > 0 {
		t.Errorf("%d requests reached the loopback interface", n)
	}
	var response wire.WebhookTestResponse
	id := s.Subscribe(r.URL, nil)
	s.Call("POST", "/api/webhook/"+string(id)+"/test", `{"type":"user.create"}`).Want(200).Decode(&response)
	if response.Attempt.Outcome != string(egress.Blocked) || response.Attempt.Exception == "" {
		t.Errorf("the test of a webhook: %+v", response.Attempt)
	}
}

// Whatever a receiver does instead of an answer is a no, and a no in time.
func TestDelivery_MisbehavingReceivers(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		elsewhere := egresstest.NewReceiver(t)
		const patience = 80 // ms
		for _, c := range []struct {
			name    string
			step    egresstest.Step
			status  int
			outcome string
			slow    bool // uses up the read timeout
		}{
			{"yes", egresstest.Accept(), 200, "vote accepted", false},
			{"yes-without-content", egresstest.Status(204), 200, "vote accepted", false},
			{"the-last-yes", egresstest.Status(299), 200, "vote accepted", false},
			{"yes-and-much-to-say", egresstest.HugeBody(100 << 10), 200, "vote accepted", false},
			{"redirect", egresstest.Redirect(elsewhere.URL), 504, "vote redirect", false},
			{"permanent-redirect", egresstest.Answer(308, http.Header{"Location": {elsewhere.URL}}, ""), 504, "vote redirect", false},
			{"not-modified", egresstest.Status(304), 504, "vote redirect", false},
			{"no", egresstest.Status(403), 504, "vote refused", false},
			{"hang", egresstest.Hang(), 504, "vote timeout", true},
			{"drip", egresstest.Drip(patience / 8 * time.Millisecond), 504, "vote timeout", true},
			{"drip-in-the-header", egresstest.DripHeader(patience / 8 * time.Millisecond), 504, "vote timeout", true},
			{"reset", egresstest.Reset(), 504, "vote reset", false},
			{"close", egresstest.Close(), 504, "vote reset", false},
			{"half-an-answer", egresstest.HalfAnswer(), 504, "vote reset", false},
			{"half-a-header", egresstest.HalfHeader(), 504, "vote reset", false},
			{"no-HTTP", egresstest.Garbage(), 504, "vote protocol", false},
			{"huge-header", egresstest.HugeHeader(100 << 10), 504, "vote too large", false},
		} {
			got := ask(t, s, c.name+"@example.com", egresstest.NewReceiver(t).Script(c.step).URL, func(w *wire.Webhook) {
				if w.ConnectTimeout = 5000; c.slow {
					w.ReadTimeout = patience
				}
			})
			if got.status != c.status || got.outcome != c.outcome {
				t.Errorf("%s: %d, attempts %q; want %d, %q", c.name, got.status, got.outcome, c.status, c.outcome)
			}
			if limit := 4 * time.Second; c.slow && (got.took > limit || got.took < patience*time.Millisecond) {
				t.Errorf("%s: took %v", c.name, got.took)
			}
			found := map[int]int{200: 200, 504: 404}[c.status]
			if status := s.Call("GET", "/api/user?email="+c.name+"@example.com", nil).Status; status != found {
				t.Errorf("%s: then read %d, want %d", c.name, status, found)
			}
		}
		if got := ask(t, s, "nobody@example.com", "http://"+egresstest.UnusedAddress(t).String()); got.status != 504 || got.outcome != "vote connect" {
			t.Errorf("nobody listens: %+v", got)
		}
		if got := ask(t, s, "silent@example.com", "https://"+egresstest.SilentListener(t).String(), func(w *wire.Webhook) { w.ConnectTimeout = patience }); got.status != 504 || got.outcome != "vote timeout" {
			t.Errorf("a handshake that never comes: %+v", got)
		}
		if n := len(elsewhere.Requests()); n > 0 {
			t.Errorf("a redirect was followed %d times", n)
		}
	})
}

// Secrets of a webhook reach its receiver and nobody else: no record of any kind holds them, even if the receiver sends them back.
func TestDelivery_SecretsStayOutOfTheRecords(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "user.create")
		secrets := []string{"header-0123456789", "password-0123456789", "query-0123456789", "aGVyYWxkOnBhc3N3b3JkLTAxMjM0NTY3ODk="}
		// Cut before its answer is complete when asked first, then echoing.
		r := egresstest.NewReceiver(t).Script(
			egresstest.Raw("HTTP/1.1 500 header-0123456789\r\nX-Echo: password-0123456789\r\nContent-Length: 1000\r\n\r\nquery-0123456789 header-0123456789"),
			egresstest.Handle(func(w http.ResponseWriter, q *http.Request) {
				w.Header()["X-Echo"] = []string{q.Header.Get("Authorization"), q.Header.Get("X-Api-Key")}
				w.WriteHeader(http.StatusInternalServerError)
				_ = json.NewEncoder(w).Encode(map[string]any{"url": q.URL.String(), "headers": q.Header})
			}))
		hook := s.Subscribe(r.URL+"/hook?token=query-0123456789", []string{"user.create"}, func(w *wire.Webhook) {
			w.Headers = map[string]string{"X-Api-Key": secrets[0]}
			w.HTTPAuthenticationUsername, w.HTTPAuthenticationPassword = "herald", secrets[1]
		})
		listening := egresstest.NewReceiver(t)
		s.Subscribe(listening.URL, []string{"event-log.create"})
		s.Call("POST", "/api/user", user("secret@example.com")).Want(200)
		s.Eventually(patience, "the delivery is dead", func() bool { return len(s.Strings(`SELECT webhook_id FROM delivery WHERE state = 'dead'`)) == 1 })
		if got := r.Requests()[0].Header.Get("X-Api-Key"); got != secrets[0] {
			t.Fatalf("the receiver got %q", got)
		}
		if details := s.Strings(`SELECT detail FROM attempt WHERE webhook_id = $1`, hook); len(details) != 4 || !strings.Contains(details[3], "(hidden)") {
			t.Errorf("details on record: %v", details)
		}
		if entry := listening.WaitFor(1)[0].Body; !bytes.Contains(entry, []byte("/hook?token=…")) {
			t.Errorf("the entry says %s", entry)
		}
		s.Settled(patience)
		for table, content := range s.Rows() {
			for _, secret := range secrets {
				// The webhook itself has its URL in clear, as it is searched by.
				if text := strings.Join(content, "\n"); table != "webhook" && strings.Contains(text, secret) || table == "webhook" && secret != secrets[2] && strings.Contains(text, secret) {
					t.Errorf("%s is in table %s: %.1000s", secret, table, text)
				}
			}
		}
	}, quickRetries)
}

// absent checks that the store does not hold a text anywhere.
func absent(t *testing.T, s *apptest.Server, text string) {
	t.Helper()
	for table, content := range s.Rows() {
		if strings.Contains(strings.Join(content, "\n"), text) {
			t.Errorf("%s is in table %s", text, table)
		}
	}
}
