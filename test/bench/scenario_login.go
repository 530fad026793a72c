package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/wire"
)

const (
	loginPassword    = "correct horse battery"
	loginApplication = "a9000000-0000-4000-8000-000000000001"
	loginCallers     = 100
	importAtOnce     = 10_000
	costlyUsers      = 100
	probesPerSecond  = 100
)

// measureLogin lets users log in, each of whom has a registration and gets an access token. Those who were imported have a hash that costs next to nothing, so
// that what is measured is Herald; a few have one as costly as it is by default, and others ask for something else meanwhile. Then the server is
// started again, to see whether that takes longer with all of them.
func measureLogin(ctx context.Context, t *turn) error {
	w, err := t.build(ctx, plan{kind: event.UserLoginSuccess, setting: wire.None})
	if err != nil {
		return err
	}
	defer w.close()
	err = w.servers[0].call(ctx, http.MethodPost, "/api/application/"+loginApplication, map[string]any{"application": map[string]any{"name": "Shop"}}, nil)
	if err != nil {
		return err
	}
	if err := w.addCostly(ctx); err != nil {
		return err
	}
	if err := t.startAgain(ctx, w, costlyUsers); err != nil {
		return err
	}

	began := time.Now()
	if err := w.importUsers(ctx, t.users); err != nil {
		return err
	}
	t.add(fmt.Sprintf("import of %d users, %d in a call", t.users, min(t.users, importAtOnce)), values{perSecond: float64(t.users) / time.Since(began).Seconds()})
	var next atomic.Int64
	imported := func(ctx context.Context) error {
		return w.login(ctx, fmt.Sprintf("user%d@example.com", next.Add(7919)%int64(t.users))) // a prime: neighbours in time are none in the table
	}
	for _, callers := range []int{1, loginCallers} {
		if _, err := hammer(ctx, callers, t.each/10, imported); err != nil {
			return err
		}
		v, err := t.beside(ctx, w, func() (values, error) {
			l, err := hammer(ctx, callers, t.each, imported)
			if err != nil {
				return nil, err
			}
			v := values{perSecond: l.rate()}
			v.percentiles(l.latencies)
			return v, nil
		})
		if err != nil {
			return err
		}
		t.add("PBKDF2 with a factor of 1, "+count(callers, "caller"), v)
	}
	if err := t.besideCostly(ctx, w); err != nil {
		return err
	}
	return t.startAgain(ctx, w, costlyUsers+t.users)
}

// addCostly makes users whose passwords are hashed as they are by default.
func (w *world) addCostly(ctx context.Context) error {
	return abreast(ctx, 2, func(ctx context.Context, caller int) error {
		for i := caller; i < costlyUsers; i += 2 {
			err := w.servers[0].call(ctx, http.MethodPost, "/api/user/registration", map[string]any{
				"user":         map[string]any{"email": costlyUser(i), "password": loginPassword},
				"registration": map[string]any{"applicationId": loginApplication},
			}, nil)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func costlyUser(i int) string { return fmt.Sprintf("costly%d@example.com", i) }

// importUsers makes users whose passwords are hashed with PBKDF2 and a single round.
func (w *world) importUsers(ctx context.Context, n int) error {
	salt := []byte("sixteen byte salt and more salt!")
	hash, err := pbkdf2.Key(sha256.New, loginPassword, salt, 1, 32)
	if err != nil {
		return err
	}
	for first := range n {
		if first%importAtOnce != 0 {
			continue
		}
		users := make([]map[string]any, min(importAtOnce, n-first))
		for i := range users {
			users[i] = map[string]any{
				"email": fmt.Sprintf("user%d@example.com", first+i), "firstName": "Ada", "lastName": fmt.Sprint("Lovelace ", first+i), "active": true,
				"password": base64.StdEncoding.EncodeToString(hash), "salt": base64.StdEncoding.EncodeToString(salt),
				"encryptionScheme": "salted-pbkdf2-hmac-sha256", "factor": 1,
				"registrations": []map[string]any{{"applicationId": loginApplication}},
			}
		}
		if err := w.servers[0].call(ctx, http.MethodPost, "/api/user/import", map[string]any{"users": users}, nil); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) login(ctx context.Context, loginID string) error {
	h := w.servers[0]
	return send(ctx, h.client, h.url+"/api/login", key, fmt.Appendf(nil, `{"loginId":%q,"password":%q,"applicationId":%q}`, loginID, loginPassword, loginApplication))
}

// besideCostly measures what others wait for, first with nobody else there, then while many log in whose passwords are costly to check.
func (t *turn) besideCostly(ctx context.Context, w *world) error {
	h := w.servers[0]
	var found wire.UserResponse
	if err := h.call(ctx, http.MethodGet, "/api/user?email="+costlyUser(0), nil, &found); err != nil {
		return err
	}
	probes := []struct {
		name, path string
	}{{"GET /api/user/{id}", "/api/user/" + string(found.User.ID)}, {"GET /api/health", "/api/health"}}
	probe := func(ctx context.Context) ([]values, error) {
		all := make([]values, len(probes))
		err := abreast(ctx, len(probes), func(ctx context.Context, i int) error {
			took := make([]time.Duration, int(t.each.Seconds()*probesPerSecond))
			err := pace(ctx, probesPerSecond, len(took), func(ctx context.Context, n int) error {
				began := time.Now()
				err := get(ctx, h, probes[i].path)
				took[n] = time.Since(began)
				return err
			})
			slices.Sort(took)
			all[i] = latencies(took)
			return err
		})
		return all, err
	}
	alone, err := probe(ctx)
	if err != nil {
		return err
	}
	var beside []values
	var logins load
	var next atomic.Int64
	err = abreast(ctx, 2, func(ctx context.Context, i int) (err error) {
		if i == 0 {
			beside, err = probe(ctx)
			return err
		}
		logins, err = hammer(ctx, loginCallers, t.each, func(ctx context.Context) error {
			return w.login(ctx, costlyUser(int(next.Add(1))%costlyUsers))
		})
		return err
	})
	if err != nil {
		return err
	}
	v := values{perSecond: logins.rate()}
	v.percentiles(logins.latencies)
	t.add(fmt.Sprintf("argon2id, %d callers", loginCallers), v)
	for i, p := range probes {
		t.add(p.name+", nobody logs in", alone[i])
		t.add(p.name+", beside those", beside[i])
	}
	return nil
}

// startAgain starts the server anew, and logs somebody in.
func (t *turn) startAgain(ctx context.Context, w *world, users int) error {
	if t.profile != "" {
		return nil
	}
	w.servers[0].stop()
	h, err := t.start(ctx, w.store, true)
	if err != nil {
		return err
	}
	w.servers[0] = h
	began := time.Now()
	if err := w.login(ctx, costlyUser(0)); err != nil {
		return err
	}
	v := values{startMillis: float64(h.took.Microseconds()) / 1000}
	v.percentiles([]time.Duration{time.Since(began)})
	delete(v, p99)
	t.add(fmt.Sprintf("started → healthy, and the first login (argon2id), %d users", users), v)
	return nil
}

// get fails on every answer but 200.
func get(ctx context.Context, h *herald, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", key)
	response, err := h.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
