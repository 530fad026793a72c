package ui_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app/apptest"
)

// The list of webhooks says in a line who listens just now.
func TestWebhooks_WhoListens(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		ctx, hangUp := context.WithCancel(t.Context())
		defer hangUp()
		r, err := http.NewRequestWithContext(ctx, "POST", h.URL+"/api/listener", strings.NewReader(`{"listener":{"target":"http://localhost:3000/hooks?token=hush"}}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", apptest.Key)
		r.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if page := b.gets("/admin/webhook", 200, "1 program listens:"); !strings.Contains(page, "http://localhost:3000/hooks?token=…") || strings.Contains(page, "hush") {
			t.Error(page)
		}
		hangUp()
		h.Eventually(10*time.Second, "nobody listens", func() bool {
			_, page, _ := b.send("GET", "/admin/webhook", nil)
			return !strings.Contains(page, "listens:")
		})
	})
}
