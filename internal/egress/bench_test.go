package egress_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/egress/egresstest"
)

// receiverOfBenchmarks is the environment variable that makes this test binary a receiver: in a process of its own, so that what it
// costs is not counted.
const receiverOfBenchmarks = "EGRESS_BENCHMARK_RECEIVER"

// serveBenchmarks reads each request's body and says 200, until its standard input ends. It prints its address first.
func serveBenchmarks() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr())
	go func() {
		_ = http.Serve(listener, http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) { _, _ = io.Copy(io.Discard, q.Body) }))
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func startReceiver(b *testing.B) string {
	b.Helper()
	program, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	receiver := exec.Command(program)
	receiver.Env = append(os.Environ(), receiverOfBenchmarks+"=1")
	input, err := receiver.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := receiver.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := receiver.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = input.Close()
		_ = receiver.Wait()
	})
	addr, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return "http://" + strings.TrimSpace(addr) + "/hook"
}

// benchmark lets 1, 16 and 64 callers send and reports, beside the time, how much processor time this process took for a request.
func benchmark(b *testing.B, send func(context.Context) error) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			b.ReportAllocs()
			var failure error
			before := processorTime(b)
			if callers == 1 {
				for b.Loop() {
					failure = errors.Join(failure, send(ctx))
				}
			} else {
				b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
				b.RunParallel(func(p *testing.PB) {
					for p.Next() {
						if err := send(ctx); err != nil {
							b.Error(err)
						}
					}
				})
			}
			if failure != nil {
				b.Fatal(failure)
			}
			b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/1e3/float64(b.N), "cpu-µs/op")
		})
	}
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var benchmarkBody = bytes.Repeat([]byte("x"), 1500)

func benchmarkHeader() http.Header {
	return http.Header{"Content-Type": {"application/json"}, "Accept": {"*/*"}, "Authorization": {"Basic aGVyYWxkOmhlcmFsZA=="}}
}

func outcomeError(r egress.Result) error {
	if r.Outcome != egress.Accepted {
		return errors.New(r.Err)
	}
	return nil
}

// BenchmarkDo is the price of a request. Compare it with BenchmarkNetHTTP.
func BenchmarkDo(b *testing.B) {
	url, header, c := startReceiver(b), benchmarkHeader(), newClient(b)
	benchmark(b, func(ctx context.Context) error {
		return outcomeError(c.Do(ctx, egress.Request{URL: url, Header: header, Body: benchmarkBody, ReadTimeout: long}))
	})
}

// BenchmarkEndpoint is BenchmarkDo with headers encoded once.
func BenchmarkEndpoint(b *testing.B) {
	p := newClient(b).Endpoint(startReceiver(b), benchmarkHeader())
	benchmark(b, func(ctx context.Context) error {
		return outcomeError(p.Do(ctx, egress.Request{Body: benchmarkBody, ReadTimeout: long}))
	})
}

// BenchmarkTLS is BenchmarkDo over TLS, the receiver's half included.
func BenchmarkTLS(b *testing.B) {
	a := egresstest.NewAuthority(b)
	receiver := egresstest.NewTLSReceiver(b, a)
	c := newEgress(b, egress.Options{Policy: local}).Client(trust(b, a.PEM()))
	benchmark(b, func(ctx context.Context) error {
		res := c.Do(ctx, egress.Request{URL: receiver.URL, Header: benchmarkHeader(), Body: benchmarkBody, ReadTimeout: long})
		receiver.Forget()
		return outcomeError(res)
	})
}

// BenchmarkNetHTTP is what net/http takes for the same request, with nothing but a timeout.
func BenchmarkNetHTTP(b *testing.B) {
	url, header := startReceiver(b), benchmarkHeader()
	transport := &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: long}
	benchmark(b, func(ctx context.Context) error {
		q, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(benchmarkBody))
		if err != nil {
			return err
		}
		q.Header = header
		answer, err := client.Do(q)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		return answer.Body.Close()
	})
}
