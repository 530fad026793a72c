package tenant_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// standardMail is the mail server of a tenant that says nothing about it.
var standardMail = messenger.MailServer{
	Host: "localhost", Port: 25, Security: messenger.NoTLS, FromEmail: "change-me@example.com", ConnectTimeout: 3 * time.Second, ReadTimeout: 10 * time.Second,
}

func TestParseMail(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"", "null", "{}",
		// What clients send who know no absent members.
		`{"host":"","port":0,"security":"","username":"","password":"","defaultFromEmail":"","defaultFromName":"","additionalHeaders":[],"debug":false,"connectTimeout":0,
			"readTimeout":"0","sslCertificate":"","properties":""}`,
		`{"host":null,"port":"","security":null,"additionalHeaders":null,"debug":"","unknown":[1]}`,
	} {
		if got, err := tenant.ParseMail("emailConfiguration", json.RawMessage(raw)); err != nil || !cmp.Equal(got, standardMail) {
			t.Errorf("%s: %v, %s", raw, err, cmp.Diff(standardMail, got))
		}
	}
	got, err := tenant.ParseMail("emailConfiguration", json.RawMessage(`{"host":" mail.example.com ","port":"587","security":"TLS","username":"u","password":" p ",
		"defaultFromEmail":"me@example.com","defaultFromName":"Me","debug":"true","connectTimeout":1e3,"readTimeout":2000.0,
		"additionalHeaders":[{"name":" X-A ","value":" b "},{"name":"X-C","value":""}]}`))
	want := messenger.MailServer{
		Host: "mail.example.com", Port: 587, Security: messenger.StartTLS, Username: "u", Password: " p ", FromEmail: "me@example.com", FromName: "Me",
		Headers: []messenger.MailHeader{{Name: "X-A", Value: "b"}, {Name: "X-C"}}, ConnectTimeout: time.Second, ReadTimeout: 2 * time.Second, Debug: true,
	}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, %s", err, cmp.Diff(want, got))
	}
}

func codesOf(t *testing.T, err error) (all []string) {
	t.Helper()
	if err == nil {
		return nil
	}
	p, ok := problem.As(err)
	if !ok {
		t.Fatal(err)
	}
	for _, f := range p.Fields {
		all = append(all, f.Code)
	}
	return slices.Sorted(slices.Values(all))
}

// A configuration that cannot be used is refused when it is saved, and not when somebody waits for a code. All that is wrong is said at once.
func TestMail_Rules(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		for configuration, want := range map[string][]string{
			`{"host":"mail.example.com:25","port":"x","security":"STARTTLS","username":"a\nb","password":7,"defaultFromEmail":"me","connectTimeout":-1,"readTimeout":600001,
				"sslCertificate":"none","properties":{},"debug":"maybe","additionalHeaders":[{"name":"To","value":"x"},{"name":"X-A","value":"b\r\nc"}],"verifyEmail":"x"}`: {
				"[couldNotConvert]tenant.emailConfiguration.debug", "[couldNotConvert]tenant.emailConfiguration.password",
				"[couldNotConvert]tenant.emailConfiguration.port", "[couldNotConvert]tenant.emailConfiguration.properties",
				"[couldNotConvert]tenant.emailConfiguration.verifyEmail",
				"[invalid]tenant.emailConfiguration.additionalHeaders", "[invalid]tenant.emailConfiguration.additionalHeaders",
				"[invalid]tenant.emailConfiguration.connectTimeout", "[invalid]tenant.emailConfiguration.host", "[invalid]tenant.emailConfiguration.readTimeout",
				"[invalid]tenant.emailConfiguration.security", "[invalid]tenant.emailConfiguration.sslCertificate", "[invalid]tenant.emailConfiguration.username",
				"[notEmail]tenant.emailConfiguration.defaultFromEmail",
			},
			`{"host":1,"security":2,"username":3,"defaultFromEmail":4,"defaultFromName":5,"sslCertificate":6,"port":25.5,"connectTimeout":[],"readTimeout":{},
				"additionalHeaders":[7,{"name":8},{"name":"X-A","value":"x"}]}`: {
				"[couldNotConvert]tenant.emailConfiguration.additionalHeaders[0]", "[couldNotConvert]tenant.emailConfiguration.additionalHeaders[1].name",
				"[couldNotConvert]tenant.emailConfiguration.additionalHeaders[1].value",
				"[couldNotConvert]tenant.emailConfiguration.connectTimeout", "[couldNotConvert]tenant.emailConfiguration.defaultFromEmail",
				"[couldNotConvert]tenant.emailConfiguration.defaultFromName", "[couldNotConvert]tenant.emailConfiguration.host",
				"[couldNotConvert]tenant.emailConfiguration.port", "[couldNotConvert]tenant.emailConfiguration.readTimeout",
				"[couldNotConvert]tenant.emailConfiguration.security", "[couldNotConvert]tenant.emailConfiguration.sslCertificate",
				"[couldNotConvert]tenant.emailConfiguration.username",
			},
			`{"port":65536,"additionalHeaders":[{"name":"X-A","value":"1"},{"name":"x-a","value":"2"}]}`: {
				"[duplicate]tenant.emailConfiguration.additionalHeaders", "[invalid]tenant.emailConfiguration.port",
			},
			`{"additionalHeaders":{"X-A":"1"}}`: {"[couldNotConvert]tenant.emailConfiguration.additionalHeaders"},
			`[]`:                                {"[couldNotConvert]tenant.emailConfiguration"},
			`{"port":0,"connectTimeout":0,"security":"","additionalHeaders":[]}`: nil,
		} {
			_, err := s.Update(t.Context(), defaultID, func(wire.Tenant) (wire.Tenant, []wire.ID, error) {
				return parse(t, `{"name": "x", "emailConfiguration": `+configuration+`}`), nil, nil
			})
			if diff := cmp.Diff(want, codesOf(t, err)); diff != "" {
				t.Errorf("%s: %s", configuration, diff)
			}
		}
	})
}

func TestMail_HasThePassword(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		_, err := s.Create(t.Context(), someID, "", parse(t, `{"name": "x", "emailConfiguration": {"host": "mail", "password": "planted"}}`), nil)
		check(t, err)
		server, err := s.Mail(t.Context(), someID)
		check(t, err)
		want := standardMail
		want.Host, want.Password = "mail", "planted"
		if diff := cmp.Diff(want, server); diff != "" {
			t.Error(diff)
		}
		if server, err = s.Mail(t.Context(), defaultID); err != nil || !cmp.Equal(server, standardMail) {
			t.Errorf("%v, %s", err, cmp.Diff(standardMail, server))
		}
		if _, err := s.Mail(t.Context(), otherID); !errors.Is(err, problem.ErrNotFound) {
			t.Error(err)
		}
	})
}
