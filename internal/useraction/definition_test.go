package useraction_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/wire"
)

func TestDefinition_CRUD(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		const id = "10000000-0000-4000-8000-000000000001"
		created := h.define(id, object{
			"name": " Mute ", "localizedNames": object{"de-ch": "Stumm"}, "active": false, "temporal": "true", "userNotificationsEnabled": true,
			"transactionType": "Any", "insertInstant": 5, "unknown": object{},
		})
		yes := true
		now := h.in(0)
		want := wire.UserAction{
			ID: id, Name: "Mute", LocalizedNames: wire.Map[string]{"de_CH": "Stumm"}, Active: true, Temporal: true, SendEndEvent: &yes,
			Options: wire.List[wire.UserActionOption]{}, TransactionType: wire.Any, UserNotificationsEnabled: true, InsertInstant: now, LastUpdateInstant: now,
		}
		if diff := cmp.Diff(want, created); diff != "" {
			t.Errorf("created (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, definition(h.Call("GET", "/api/user-action/"+id, nil).Want(200))); diff != "" {
			t.Errorf("read (-want +got):\n%s", diff)
		}

		h.later(time.Second)
		patched := definition(h.Call("PATCH", "/api/user-action/"+id, object{"userAction": object{"sendEndEvent": "false", "preventLogin": true}}).Want(200))
		no := false
		want.SendEndEvent, want.PreventLogin, want.LastUpdateInstant = &no, true, h.in(0)
		if diff := cmp.Diff(want, patched); diff != "" {
			t.Errorf("patched (-want +got):\n%s", diff)
		}
		replaced := definition(h.Call("PUT", "/api/user-action/"+id, object{"userAction": object{"name": "Hush"}}).Want(200))
		want = wire.UserAction{
			ID: id, Name: "Hush", LocalizedNames: wire.Map[string]{}, Active: true, SendEndEvent: &yes, Options: wire.List[wire.UserActionOption]{},
			TransactionType: wire.None, InsertInstant: now, LastUpdateInstant: h.in(0),
		}
		if diff := cmp.Diff(want, replaced); diff != "" {
			t.Errorf("replaced (-want +got):\n%s", diff)
		}

		names := func(query string) (names []string) {
			t.Helper()
			var r wire.UserActionsResponse
			h.Call("GET", "/api/user-action"+query, nil).Want(200).Decode(&r)
			for _, d := range r.UserActions {
				names = append(names, d.Name)
			}
			return names
		}
		if got := strings.Join(names(""), " "); got != "Ban Hush Warn" {
			t.Errorf("active: %s", got)
		}
		if a := h.Call("DELETE", "/api/user-action/"+id, nil).Want(200); len(a.Body) > 0 {
			t.Errorf("the answer to a deletion is %s", a.Body)
		}
		if got := strings.Join(names("?inactive=true"), " "); got != "Hush" {
			t.Errorf("inactive: %s", got)
		}
		if got := strings.Join(names(""), " "); got != "Ban Warn" {
			t.Errorf("active: %s", got)
		}
		wantCodes(t, h.act("POST", "", object{"userActionId": id, "actioneeUserId": ada}), "[invalid]action.userActionId")
		if d := definition(h.Call("PUT", "/api/user-action/"+id+"?reactivate=true", nil).Want(200)); !d.Active || d.Name != "Hush" {
			t.Errorf("reactivated: %+v", d)
		}
		h.act("POST", "", object{"userActionId": id, "actioneeUserId": bob}).Want(200)
		h.Call("DELETE", "/api/user/"+bob+"?hardDelete=true", nil).Want(200) // with whatever was done to Bob
		h.Call("DELETE", "/api/user-action/"+id+"?hardDelete=true", nil).Want(200)
		for method, query := range map[string]string{"GET": "", "PUT": "?reactivate=true", "DELETE": "?hardDelete=true"} {
			if a := h.Call(method, "/api/user-action/"+id+query, nil).Want(404); len(a.Body) > 0 {
				t.Errorf("%s: the answer is %s", method, a.Body)
			}
		}
		h.Call("DELETE", "/api/user-action/"+id, nil).Want(404)
		h.Call("PUT", "/api/user-action/"+id, object{"userAction": object{"name": "Hush"}}).Want(404)
	})
}

func TestDefinition_Rules(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		before := h.Rows()
		long := strings.Repeat("ä", 192)
		for what, c := range map[string]struct {
			action object
			want   []string
		}{
			"no name":           {object{}, []string{"[blank]userAction.name"}},
			"a long name":       {object{"name": long}, []string{"[tooLong]userAction.name"}},
			"a taken name":      {object{"name": "bAN"}, []string{"[duplicate]userAction.name"}},
			"an endless lock":   {object{"name": "x", "preventLogin": true}, []string{"[invalid]userAction.preventLogin"}},
			"a choice in time":  {object{"name": "x", "temporal": true, "options": []any{object{"name": "a"}}}, []string{"[invalid]userAction.options"}},
			"an unknown rule":   {object{"name": "x", "transactionType": "Most"}, []string{"[invalid]userAction.transactionType"}},
			"unknown templates": {object{"name": "x", "startEmailTemplateId": no, "endEmailTemplateId": no}, []string{"[invalid]userAction.startEmailTemplateId", "[invalid]userAction.endEmailTemplateId"}},
			"languages": {object{"name": "x", "localizedNames": object{"klingon": "a", "de-de": "b", "de_DE": "c", "fr": " ", "it": long}}, []string{
				"[invalid]userAction.localizedNames[klingon]", "[duplicate]userAction.localizedNames[de_DE]", "[blank]userAction.localizedNames[fr]", "[tooLong]userAction.localizedNames[it]",
			}},
			"options": {object{"name": "x", "options": []any{object{}, object{"name": "a"}, object{"name": "a", "localizedNames": object{"": "x"}}}}, []string{
				"[blank]userAction.options[0].name", "[duplicate]userAction.options[2].name", "[invalid]userAction.options[2].localizedNames[]",
			}},
			"types": {object{"name": 5, "temporal": "perhaps", "cancelEmailTemplateId": "x"}, []string{
				"[couldNotConvert]userAction.name", "[couldNotConvert]userAction.temporal", "[couldNotConvert]userAction.cancelEmailTemplateId",
			}},
		} {
			t.Log(what)
			wantCodes(t, h.Call("POST", "/api/user-action", object{"userAction": c.action}), c.want...)
			wantCodes(t, h.Call("PUT", "/api/user-action/"+warn, object{"userAction": c.action}), c.want...)
		}
		wantCodes(t, h.Call("POST", "/api/user-action/"+ban, object{"userAction": object{"name": "x"}}), "[duplicate]userActionId")
		wantCodes(t, h.Call("POST", "/api/user-action/x", object{"userAction": object{"name": "x"}}), "[couldNotConvert]userActionId")
		h.Unchanged(before)
		// A name may be written in another way.
		if d := definition(h.Call("PATCH", "/api/user-action/"+ban, object{"userAction": object{"name": "BAN"}}).Want(200)); d.Name != "BAN" {
			t.Errorf("renamed: %+v", d)
		}
	})
}

func TestDefinition_InUse(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		lockout := func(action string) apptest.Answer {
			return h.Call("PATCH", "/api/tenant/"+string(h.Tenant), object{"tenant": object{"failedAuthenticationConfiguration": object{"userActionId": action}}})
		}
		for _, wrong := range []string{warn, no} {
			wantCodes(t, lockout(wrong), "[invalid]tenant.failedAuthenticationConfiguration.userActionId")
		}
		h.Call("DELETE", "/api/user-action/"+ban, nil).Want(200)
		wantCodes(t, lockout(ban), "[invalid]tenant.failedAuthenticationConfiguration.userActionId")
		h.Call("PUT", "/api/user-action/"+ban+"?reactivate=true", nil).Want(200)
		lockout(ban).Want(200)

		before := h.Rows()
		for _, query := range []string{"", "?hardDelete=true"} {
			wantCodes(t, h.Call("DELETE", "/api/user-action/"+ban+query, nil), "[inUse]userActionId")
		}
		wantCodes(t, h.Call("PATCH", "/api/user-action/"+ban, object{"userAction": object{"preventLogin": false}}), "[inUse]userAction.preventLogin")
		wantCodes(t, h.Call("PUT", "/api/user-action/"+ban, object{"userAction": object{"name": "Ban"}}), "[inUse]userAction.preventLogin")
		h.Unchanged(before)
		lockout("").Want(200)

		action := h.ban(h.in(time.Second))
		wantCodes(t, h.Call("DELETE", "/api/user-action/"+ban+"?hardDelete=true", nil), "[inUse]userActionId")
		wantCodes(t, h.Call("PUT", "/api/user-action/"+ban, object{"userAction": object{"name": "Ban"}}), "[inUse]userAction.temporal")
		h.Call("DELETE", "/api/user-action/"+ban, nil).Want(200)
		if got := listed(h.Call("GET", "/api/user/action?preventingLogin=true&userId="+ada, nil).Want(200)); len(got) != 1 || got[0] != action.ID {
			t.Errorf("of an action that cannot be taken any more, what was taken prevents: %v", got)
		}

		// The template of an e-mail is in use as well.
		var template wire.EmailTemplateResponse
		h.Call("POST", "/api/email/template", object{"emailTemplate": object{
			"name": "Warning", "defaultSubject": "s", "defaultTextTemplate": "t", "defaultHtmlTemplate": "h",
		}}).Want(200).Decode(&template)
		path := "/api/email/template/" + string(template.EmailTemplate.ID)
		h.Call("PATCH", "/api/user-action/"+warn, object{"userAction": object{"startEmailTemplateId": template.EmailTemplate.ID}}).Want(200)
		wantCodes(t, h.Call("DELETE", path, nil), "[inUse]emailTemplateId")
		h.Call("PATCH", "/api/user-action/"+warn, object{"userAction": object{"startEmailTemplateId": nil}}).Want(200)
		h.Call("DELETE", path, nil).Want(200)
	})
}

func TestDefinition_NeedsAGlobalKey(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		key := h.tenantKey(h.Tenant)
		for _, path := range []string{"/api/user-action", "/api/user-action-reason"} {
			h.Call("GET", path, nil, "Authorization", key).Want(401)
			h.Call("POST", path, object{}, "Authorization", key).Want(401)
		}
	})
}

// tenantKey makes an API key that is bound to a tenant.
func (h *herald) tenantKey(tenant wire.ID) string {
	h.t.Helper()
	var r wire.APIKeyResponse
	h.Call("POST", "/api/api-key", object{"apiKey": object{"tenantId": tenant}}).Want(200).Decode(&r)
	return r.APIKey.Key
}

func TestReason_CRUD(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		reason := func(a apptest.Answer) wire.UserActionReason {
			t.Helper()
			var r wire.UserActionReasonResponse
			a.Want(200).Decode(&r)
			return *r.UserActionReason
		}
		created := reason(h.Call("POST", "/api/user-action-reason", object{"userActionReason": object{"code": " RUDE ", "text": "Rudeness"}}))
		want := wire.UserActionReason{
			ID: created.ID, Code: "RUDE", Text: "Rudeness", LocalizedTexts: wire.Map[string]{}, InsertInstant: h.in(0), LastUpdateInstant: h.in(0),
		}
		if diff := cmp.Diff(want, created); diff != "" || len(created.ID) != 36 {
			t.Errorf("created (-want +got):\n%s", diff)
		}
		path := "/api/user-action-reason/" + string(created.ID)
		h.later(time.Second)
		want.LocalizedTexts, want.LastUpdateInstant = wire.Map[string]{"fr_CA": "Impolitesse"}, h.in(0)
		reason(h.Call("PATCH", path, object{"userActionReason": object{"localizedTexts": object{"fr-ca": "Impolitesse"}}}))
		if diff := cmp.Diff(want, reason(h.Call("GET", path, nil))); diff != "" {
			t.Errorf("patched (-want +got):\n%s", diff)
		}
		if r := reason(h.Call("PUT", path, object{"userActionReason": object{"code": "rude", "text": "Being rude"}})); r.Code != "rude" || len(r.LocalizedTexts) > 0 {
			t.Errorf("replaced: %+v", r)
		}
		var all wire.UserActionReasonsResponse
		h.Call("GET", "/api/user-action-reason", nil).Want(200).Decode(&all)
		if len(all.UserActionReasons) != 2 || all.UserActionReasons[0].Text != "Being rude" || all.UserActionReasons[1].ID != spam {
			t.Errorf("all: %+v", all)
		}

		before := h.Rows()
		for _, c := range []struct {
			reason object
			want   []string
		}{
			{object{}, []string{"[blank]userActionReason.code", "[blank]userActionReason.text"}},
			{object{"code": "spam", "text": "UNWANTED advertising"}, []string{"[duplicate]userActionReason.code", "[duplicate]userActionReason.text"}},
			{object{"code": "x", "text": "y", "localizedTexts": object{"de": ""}}, []string{"[blank]userActionReason.localizedTexts[de]"}},
		} {
			wantCodes(t, h.Call("POST", "/api/user-action-reason", object{"userActionReason": c.reason}), c.want...)
			wantCodes(t, h.Call("PUT", path, object{"userActionReason": c.reason}), c.want...)
		}
		wantCodes(t, h.Call("POST", path, object{"userActionReason": object{"code": "x", "text": "y"}}), "[duplicate]userActionReasonId")
		h.Unchanged(before)

		if a := h.Call("DELETE", path, nil).Want(200); len(a.Body) > 0 {
			t.Errorf("the answer to a deletion is %s", a.Body)
		}
		for _, method := range []string{"GET", "DELETE"} {
			h.Call(method, path, nil).Want(404)
		}
		h.Call("PATCH", path, object{"userActionReason": object{}}).Want(404)
	})
}
