package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

// measureCodes sends two-factor codes to people who are logging in. Each call renders a template and hands the message to a messenger that answers at once; it
// is answered when the outcome is durable. Limits are counted in the record of messages, so one caller is measured twice: when it is empty, and when the
// other callers have filled it.
func measureCodes(ctx context.Context, t *turn) error {
	const people = 256
	w, err := t.build(ctx, plan{kind: eventType, setting: wire.None})
	if err != nil {
		return err
	}
	defer w.close()
	logins, err := w.logins(ctx, people)
	if err != nil {
		return err
	}
	var measured []values
	for _, callers := range []int{1, 16, 64, 1} {
		v, err := t.codesOf(ctx, w, callers, logins)
		if err != nil {
			return err
		}
		measured = append(measured, v)
	}
	first, last := measured[0], measured[3]
	last[timesBefore] = last[p50] / first[p50]
	t.add("1 caller", first)
	t.add("1 caller, when all these are on record", last)
	t.add("16 callers", measured[1])
	t.add("64 callers", measured[2])
	return nil
}

func (t *turn) codesOf(ctx context.Context, w *world, callers int, logins []login) (values, error) {
	h := w.servers[0]
	var next atomic.Int64
	return t.callsOf(ctx, w, callers, func(ctx context.Context) error {
		l := logins[int(next.Add(1))%len(logins)]
		return send(ctx, h.client, h.url+"/api/two-factor/send/"+l.id, "", l.request)
	})
}

// login is one that waits for its second factor.
type login struct {
	id      string
	request []byte // for a code
}

// logins lets n people begin to log in who get their codes by text message, from the messenger of the tenant.
func (w *world) logins(ctx context.Context, n int) ([]login, error) {
	h := w.servers[0]
	var codes sync.Map // the last one of each number
	r, err := listen(&receiver{note: func(body []byte) {
		var message struct{ PhoneNumber, Code string }
		if json.Unmarshal(body, &message) == nil {
			codes.Store(message.PhoneNumber, message.Code)
		}
	}})
	if err != nil {
		return nil, err
	}
	w.receivers = append(w.receivers, r)
	if err := h.sendCodes(ctx, w.tenant, r); err != nil {
		return nil, err
	}
	all := make([]login, n)
	const callers = 16
	return all, abreast(ctx, callers, func(ctx context.Context, caller int) (err error) {
		for i := caller; i < n && err == nil; i += callers {
			phone := fmt.Sprintf("+4917%07d", i)
			all[i], err = h.login(ctx, phone, func() any { code, _ := codes.Load(phone); return code })
		}
		return err
	})
}

// sendCodes lets a tenant send codes by text message, through a messenger that posts to the receiver, with limits that nobody reaches here.
func (h *herald) sendCodes(ctx context.Context, tenant string, r *receiver) error {
	var made wire.MessengerResponse
	err := h.call(ctx, http.MethodPost, "/api/messenger", wire.MessengerRequest{Messenger: wire.Messenger{
		Type: wire.Generic, Name: "Bench", URL: r.url, ConnectTimeout: 1000, ReadTimeout: 5000, IncludeCode: true,
	}}, &made)
	if err != nil {
		return err
	}
	return h.call(ctx, http.MethodPatch, "/api/tenant/"+tenant, map[string]any{"tenant": map[string]any{
		"multiFactorConfiguration": map[string]any{"sms": map[string]any{
			"enabled": true, "messengerId": made.Messenger.ID, "templateId": template.TwoFactorSMS,
		}},
		"messageLimits": map[string]any{
			"perRecipient": map[string]any{"limit": 1_000, "timePeriodInSeconds": 60},
			"perTenant":    map[string]any{"limit": 100_000, "timePeriodInSeconds": 600},
		},
	}}, nil)
}

// login makes a user who gets codes by text message, and lets it begin to log in. code returns the last one that was sent.
func (h *herald) login(ctx context.Context, phone string, code func() any) (l login, err error) {
	var user wire.UserResponse
	if err := h.call(ctx, http.MethodPost, "/api/user", map[string]any{"sendSetPasswordEmail": true, "user": map[string]any{"email": phone + "@example.com", "firstName": "Ada"}}, &user); err != nil {
		return l, err
	}
	id := user.User.ID
	method := map[string]any{"userId": id, "method": wire.TwoFactorBySMS, "mobilePhone": phone}
	if err := h.call(ctx, http.MethodPost, "/api/two-factor/send", method, nil); err != nil {
		return l, err
	}
	method["code"] = code()
	if err := h.call(ctx, http.MethodPost, "/api/user/two-factor/"+string(id), method, nil); err != nil {
		return l, err
	}
	var started wire.TwoFactorStartResponse
	if err := h.call(ctx, http.MethodPost, "/api/two-factor/start", map[string]any{"userId": id}, &started); err != nil {
		return l, err
	}
	l.id = started.TwoFactorID
	l.request, err = json.Marshal(map[string]any{"methodId": started.Methods[0].ID})
	return l, err
}
