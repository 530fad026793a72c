package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/wire"
)

// The API calls that set a server up.

// key may do everything. The kickstart file makes it.
const key = "bench-0123456789-bench-0123456789"

// call makes one call to the API.
func (h *herald) call(ctx context.Context, method, path string, body, into any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, h.url+path, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", key)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := h.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s %s", method, path, response.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// tenant is the id of the default tenant, after these types were switched on for it, with this setting.
func (h *herald) tenant(ctx context.Context, setting wire.TransactionType, types ...event.Type) (string, error) {
	var tenants wire.TenantsResponse
	if err := h.call(ctx, http.MethodGet, "/api/tenant", nil, &tenants); err != nil {
		return "", err
	}
	id := string(tenants.Tenants[0].ID)
	events := map[event.Type]any{}
	for _, t := range types {
		events[t] = map[string]any{"enabled": true, "transactionType": setting}
	}
	return id, h.call(ctx, http.MethodPatch, "/api/tenant/"+id, map[string]any{"tenant": map[string]any{
		"eventConfiguration": map[string]any{"events": events},
	}}, nil)
}

// subscribe makes a webhook as a person would, with the defaults of everything that is optional, and returns its id.
func (h *herald) subscribe(ctx context.Context, r *receiver, t event.Type) (string, error) {
	w := wire.Webhook{URL: r.url, Global: true, ConnectTimeout: 1000, ReadTimeout: 5000, EventsEnabled: wire.Map[bool]{string(t): true}}
	if r.hangs {
		w.ReadTimeout = 1000
	}
	var made wire.WebhookResponse
	err := h.call(ctx, http.MethodPost, "/api/webhook", wire.WebhookRequest{Webhook: w}, &made)
	return string(made.Webhook.ID), err
}

func (h *herald) pause(ctx context.Context, webhook string) error {
	return h.call(ctx, http.MethodPost, "/api/delivery/webhook/"+webhook+"/pause", map[string]any{}, nil)
}

func (h *herald) resume(ctx context.Context, webhook string) error {
	return h.call(ctx, http.MethodPost, "/api/delivery/webhook/"+webhook+"/resume", map[string]any{}, nil)
}

// publish sends one event by itself.
func (h *herald) publish(ctx context.Context, body []byte) error {
	return send(ctx, h.client, h.url+"/api/event", key, body)
}

// publishBatch sends many.
func (h *herald) publishBatch(ctx context.Context, body []byte) error {
	return send(ctx, h.client, h.url+"/api/event/batch", key, body)
}
