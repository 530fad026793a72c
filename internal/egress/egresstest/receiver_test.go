package egresstest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/herald-events/herald/internal/egress/egresstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReceiver_Scripts(t *testing.T) {
	t.Parallel()
	r := egresstest.NewReceiver(t).
		Script(egresstest.Status(201), egresstest.Status(202)).
		On("/hook", egresstest.Status(500)).
		On("user.delete", egresstest.Status(410), egresstest.Status(204))
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()

	for i, step := range []struct {
		path, event string
		want        int
	}{
		{"/", "user.create", 201},
		{"/", "user.create", 202},
		{"/", "user.create", 202}, // the last step goes on
		{"/hook", "user.delete", 500},
		{"/", "user.delete", 410},
		{"/", "user.delete", 204},
		{"/", "", 202},
	} {
		answer, err := client.Post(r.URL+step.path, "application/json", strings.NewReader(`{"event":{"type":"`+step.event+`"}}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != step.want {
			t.Errorf("request %d: status %d, want %d", i, answer.StatusCode, step.want)
		}
	}
	want := []string{"user.create", "user.create", "user.create", "user.delete", "user.delete", "user.delete", ""}
	if got := r.Events(); !slices.Equal(got, want) || len(r.WaitFor(7)) != 7 {
		t.Errorf("events %q, want %q", got, want)
	}
	if n := r.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
	r.Forget()
	if n := len(r.Requests()); n != 0 {
		t.Errorf("%d requests after Forget", n)
	}
}
