// Command bench measures what Herald adds to its receivers: user creation with 0, 1 and 4 webhooks that must all agree, beside the bare
// round trip of the same client to the same receiver, in one process and one run. `make bench` runs it.
//
// Figures of shared machines are noisy: read the ratios and the differences, not the numbers.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/wire"
)

const key = "bench-0123456789-bench-0123456789"

func main() {
	each := flag.Duration("each", 3*time.Second, "how long each line is measured")
	only := flag.String("engine", "", "measure only this engine: sqlite or postgres")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the whole run to this file")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
	}
	err := run(*each, *only)
	pprof.StopCPUProfile()
	dbtest.Stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures every line on every engine that there is.
func run(each time.Duration, only string) error {
	receiver, err := listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d CPUs, %v per line; durable commits; users without password; every webhook must agree\n\n", runtime.Version(), runtime.NumCPU(), each)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "engine\twebhooks\tcallers\trequests/s\tp50\tp99\tadded p50\t÷ bare\t")
	bare := map[int]result{}
	for _, callers := range []int{1, 16} {
		bare[callers] = measure(each, callers, poster(receiver, nil, func(int64) []byte { return sample }))
		bare[callers].print(table, "bare receiver", "-", callers, result{})
	}
	for _, engine := range dbtest.Engines() {
		if only != "" && only != string(engine) {
			continue
		}
		if err := benchEngine(table, engine, receiver, each, bare); err != nil {
			if !errors.Is(err, dbtest.ErrNoPostgreSQL) {
				return err
			}
			fmt.Fprintf(table, "%s\tnot measured: no PostgreSQL here\t\n", engine)
		}
	}
	return table.Flush()
}

func benchEngine(table io.Writer, engine db.Engine, receiver string, each time.Duration, bare map[int]result) error {
	ctx := context.Background()
	store, remove, err := dbtest.Temporary(ctx, engine)
	if err != nil {
		return err
	}
	defer remove()
	if store.Dir == "" { // the key file needs a folder on PostgreSQL too
		if store.Dir, err = os.MkdirTemp("", "herald-"); err != nil {
			return err
		}
		defer os.RemoveAll(store.Dir)
	}
	a, err := app.New(ctx, app.Options{Settings: config.Serve{
		Store: config.Store{Data: store.Dir, DatabaseURL: config.NewSecret(store.URL)}, Addr: "127.0.0.1:0", TransactionTimeout: 10 * time.Second,
	}})
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	defer func() { _ = a.Stop(ctx) }()
	if _, err := a.CreateKey(ctx, app.NewKey{Key: key}); err != nil {
		return err
	}
	server := "http://" + a.Addr()
	if err := enable(server); err != nil {
		return err
	}
	var created atomic.Int64
	have := 0
	for _, webhooks := range []int{0, 1, 4} {
		for ; have < webhooks; have++ {
			if err := subscribe(server, receiver); err != nil {
				return err
			}
		}
		for _, callers := range []int{1, 16} {
			r := measure(each, callers, poster(server+"/api/user", http.Header{"Authorization": {key}}, func(int64) []byte {
				return fmt.Appendf(nil, `{"sendSetPasswordEmail":true,"user":{"email":"user%d@example.com","firstName":"Ada","lastName":"Lovelace"}}`, created.Add(1))
			}))
			r.print(table, string(engine), fmt.Sprint(webhooks), callers, bare[callers])
		}
	}
	return nil
}

// sample is about the size of a user.create event.
var sample = fmt.Appendf(nil, `{"event":{"type":"user.create","padding":%q}}`, bytes.Repeat([]byte("x"), 900))

// poster posts bodies to url and fails on every answer but 200.
func poster(url string, header http.Header, body func(n int64) []byte) func(*http.Client) error {
	var n atomic.Int64
	return func(client *http.Client) error {
		request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body(n.Add(1))))
		if err != nil {
			return err
		}
		for name := range header {
			request.Header.Set(name, header.Get(name))
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s: %s", url, response.Status, answer)
		}
		return err
	}
}

type result struct {
	perSecond float64
	p50, p99  time.Duration
	err       error
}

// measure calls do from several callers for a while, after a short warm-up.
func measure(each time.Duration, callers int, do func(*http.Client) error) result {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}
	defer client.CloseIdleConnections()
	phase := func(d time.Duration) (all []time.Duration, err error) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		end := time.Now().Add(d)
		for range callers {
			wg.Go(func() {
				var mine []time.Duration
				for time.Now().Before(end) {
					begin := time.Now()
					if failed := do(client); failed != nil {
						mu.Lock()
						err = failed
						mu.Unlock()
						return
					}
					mine = append(mine, time.Since(begin))
				}
				mu.Lock()
				all = append(all, mine...)
				mu.Unlock()
			})
		}
		wg.Wait()
		return all, err
	}
	if _, err := phase(each / 10); err != nil {
		return result{err: err}
	}
	begin := time.Now()
	all, err := phase(each)
	if err != nil || len(all) == 0 {
		return result{err: errors.Join(err, errors.New("nothing was measured"))}
	}
	took := time.Since(begin)
	slices.Sort(all)
	return result{perSecond: float64(len(all)) / took.Seconds(), p50: all[len(all)/2], p99: all[len(all)*99/100]}
}

func (r result) print(w io.Writer, engine, webhooks string, callers int, bare result) {
	if r.err != nil {
		fmt.Fprintf(w, "%s\t%s\t%d\tfailed: %v\t\n", engine, webhooks, callers, r.err)
		return
	}
	added, ratio := "-", "-"
	if bare.perSecond > 0 {
		added, ratio = (r.p50 - bare.p50).Round(time.Microsecond).String(), fmt.Sprintf("%.2f", r.perSecond/bare.perSecond)
	}
	fmt.Fprintf(w, "%s\t%s\t%d\t%.0f\t%v\t%v\t%s\t%s\t\n", engine, webhooks, callers, r.perSecond,
		r.p50.Round(time.Microsecond), r.p99.Round(time.Microsecond), added, ratio)
}

func listen(h http.Handler) (url string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() { _ = http.Serve(l, h) }() //nolint:gosec // ends with the process
	return "http://" + l.Addr().String() + "/", nil
}

func enable(server string) error {
	var tenants wire.TenantsResponse
	if err := call(http.MethodGet, server+"/api/tenant", nil, &tenants); err != nil {
		return err
	}
	setting := map[string]any{"enabled": true, "transactionType": wire.AbsoluteMajority}
	return call(http.MethodPatch, server+"/api/tenant/"+string(tenants.Tenants[0].ID), map[string]any{"tenant": map[string]any{
		"eventConfiguration": map[string]any{"events": map[string]any{"user.create": setting}},
	}}, nil)
}

func subscribe(server, receiver string) error {
	return call(http.MethodPost, server+"/api/webhook", wire.WebhookRequest{Webhook: wire.Webhook{
		URL: receiver, Global: true, ConnectTimeout: 1000, ReadTimeout: 5000, EventsEnabled: wire.Map[bool]{"user.create": true},
	}}, nil)
}

func call(method, url string, body, into any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, url, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, url, response.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
