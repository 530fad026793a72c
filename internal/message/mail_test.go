package message_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/messenger/messengertest"
	"github.com/herald-events/herald/wire"
)

func TestSend_ThroughAMailServer(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		office := messengertest.NewPostOffice(t)
		_, err := r.tenants.Update(t.Context(), home, func(tenant wire.Tenant) (wire.Tenant, []wire.ID, error) {
			tenant.Extra["emailConfiguration"] = fmt.Appendf(nil, `{"host":"127.0.0.1","port":%d,"security":"NONE","defaultFromName":"Herald","debug":true}`, office.Port)
			return tenant, nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		q := request()
		q.Kind, q.To, q.Messengers = wire.KindEmail, "ada@example.com", nil

		m := r.send(q, wire.MessageSent, "")
		got := office.Last(t)
		mail := got.Open(t)
		if from := mail.Header.Get("From"); !slices.Equal(got.To, []string{"ada@example.com"}) || mail.Subject != "A code" || mail.Text != "Ihr Code ist "+code || from != `"Herald" <herald@example.com>` {
			t.Errorf("the mail server got %+v from %s", got, from)
		}
		if m.Recipient != "a…@example.com" || m.Attempts[0].StatusCode != 250 || m.Attempts[0].URL != fmt.Sprint("127.0.0.1:", office.Port) {
			t.Errorf("recorded %+v", m)
		}
		r.wantEntry(wire.EventLogDebug, "the mail server of the tenant", "Subject: A code", "a…@example.com", "sent after 1 attempt(s)")

		office.Content = messengertest.Refuse(451, "later, not now for ada@example.com with "+code)
		if m := r.send(q, wire.MessageFailed, "[MessengerError]"); len(m.Attempts) != 3 {
			t.Errorf("%d attempts of what was to be tried later", len(m.Attempts))
		}
		r.wantEntry(wire.EventLogError, "status 451", "The mail server asks to try later")
		if kept := r.everything(); strings.Contains(kept, code) || strings.Contains(kept, "ada@example.com") {
			t.Error("code or recipient are kept")
		}
	})
}
