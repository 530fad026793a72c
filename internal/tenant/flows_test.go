package tenant_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

const (
	messengerA = "00000000-0000-4000-8000-0000000000a1"
	messengerB = "00000000-0000-4000-8000-0000000000b1"
	messengerC = "00000000-0000-4000-8000-0000000000c1"
	textA      = "00000000-0000-4000-8000-0000000000a2"
	textVoice  = "00000000-0000-4000-8000-0000000000b2"
	mailA      = "00000000-0000-4000-8000-0000000000a3"
)

func flowsOf(t *testing.T, s *tenant.Service, id wire.ID) tenant.Flows {
	t.Helper()
	settings, err := s.Settings(t.Context())
	check(t, err)
	flows, ok := settings.Flows(id)
	if !ok {
		t.Fatalf("there are no flows of %s", id)
	}
	return *flows
}

func TestFlows_Defaults(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		const day = 24 * time.Hour
		typedIn, usual := tenant.Generator{Length: 6, Type: tenant.RandomAlphaNumeric}, tenant.RateLimit{Limit: 5, Period: time.Minute}
		want := tenant.Flows{
			JWT: tenant.JWT{
				AccessTokenKeyID: tenant.DefaultSigningKeyID, IDTokenKeyID: tenant.DefaultSigningKeyID, AccessToken: time.Hour,
				RefreshToken: 30 * 24 * time.Hour, MaximumRefreshToken: 30 * 24 * time.Hour, Expiration: tenant.ExpirationFixed, Usage: tenant.UsageReusable,
				Revoke: tenant.RevocationPolicy{OnLoginPrevented: true, OnPasswordChanged: true},
			},
			Issuer: "acme.com", RequireAuthentication: true, PasswordlessCode: typedIn,
			MultiFactor: tenant.MultiFactor{
				LoginPolicy: tenant.ChallengeEnabled,
				Authenticator: tenant.Authenticator{
					Enabled: true, TwoFactorAuthenticator: wire.TwoFactorAuthenticator{Algorithm: "HmacSHA1", CodeLength: 6, TimeStep: 30},
				},
			},
			Email:     tenant.EmailFlows{Strategy: tenant.ClickableLink, ImplicitVerification: true},
			Phone:     tenant.PhoneFlows{Strategy: tenant.ClickableLink, ImplicitVerification: true},
			Code:      tenant.Generator{Length: 6, Type: tenant.RandomDigits},
			EmailCode: typedIn, PhoneCode: typedIn, RegistrationCode: typedIn,
			Lifetimes: tenant.Lifetimes{
				ChangePassword: 10 * time.Minute, OneTimePassword: time.Minute, TrustToken: 3 * time.Minute, Passwordless: 3 * time.Minute,
				TwoFactorID: 5 * time.Minute, TwoFactorCode: time.Minute, TwoFactorTrust: 30 * 24 * time.Hour,
				SetupPassword: day, EmailVerification: day, PhoneVerification: day, RegistrationVerification: day,
			},
			SendTwoFactor: usual, ForgotPassword: usual, SendEmailVerification: usual, SendPhoneVerification: usual, SendRegistrationVerification: usual,
			Messages: tenant.DefaultMessageLimits(),
			Lockout:  tenant.Lockout{TooManyAttempts: 5, Window: time.Minute, Duration: 3, Unit: tenant.Minutes},
		}
		if diff := cmp.Diff(want, flowsOf(t, s, defaultID)); diff != "" {
			t.Error(diff)
		}
		settings, err := s.Settings(t.Context())
		check(t, err)
		if _, ok := settings.Flows(otherID); ok {
			t.Error("a tenant that does not exist has flows")
		}
	})
}

func TestFlows_Settings(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		_, err := s.Create(t.Context(), someID, "", parse(t, `{"name": "x",
			"multiFactorConfiguration": {
				"loginPolicy": "Required",
				"authenticator": {"enabled": "false", "algorithm": "HmacSHA512", "codeLength": "8", "timeStep": 60},
				"sms": {"enabled": "true", "messengerId": "`+strings.ToUpper(messengerA)+`", "templateId": "`+textA+`", "fallbackMessengerIds": ["`+messengerB+`"]},
				"email": {"enabled": true, "templateId": "`+mailA+`"}},
			"emailConfiguration": {"host": "mail", "verifyEmail": "true", "verifyEmailWhenChanged": true, "forgotPasswordEmailTemplateId": "`+mailA+`", "implicitEmailVerificationAllowed": false, "unverified": {"behavior": "Gated"},
				"verificationStrategy": "FormField", "verificationEmailTemplateId": "`+mailA+`", "setPasswordEmailTemplateId": "`+mailA+`"},
			"phoneConfiguration": {"verifyPhoneNumber": true, "messengerId": "`+messengerB+`", "forgotPasswordTemplateId": "`+textA+`", "verificationTemplateId": "`+textA+`",
				"setPasswordTemplateId": "`+textA+`"},
			"externalIdentifierConfiguration": {"twoFactorOneTimeCodeIdGenerator": {"length": 8, "type": "randomAlphaNumeric"}, "twoFactorIdTimeToLiveInSeconds": 42,
				"emailVerificationOneTimeCodeGenerator": {"length": 4, "type": "randomDigits"}, "phoneVerificationOneTimeCodeGenerator": {"length": 5},
				"registrationVerificationOneTimeCodeGenerator": {"type": "randomAlpha"}, "emailVerificationIdTimeToLiveInSeconds": 1,
				"phoneVerificationIdTimeToLiveInSeconds": 2, "registrationVerificationIdTimeToLiveInSeconds": 3, "setupPasswordIdTimeToLiveInSeconds": 4},
			"rateLimitConfiguration": {"sendEmailVerification": {"enabled": true, "limit": 1}, "sendPhoneVerification": {"enabled": true, "limit": 2},
				"sendRegistrationVerification": {"enabled": true, "limit": 3}, "sendTwoFactor": {"enabled": true, "limit": 2, "timePeriodInSeconds": "9"}}}`), nil)
		check(t, err)
		got := flowsOf(t, s, someID)
		if m := got.MultiFactor; m.LoginPolicy != tenant.ChallengeRequired || m.Authenticator.Enabled || m.Authenticator.Algorithm != "HmacSHA512" ||
			m.Authenticator.CodeLength != 8 || m.Authenticator.TimeStep != 60 || !m.SMS.Enabled || m.SMS.TemplateID != textA ||
			!slices.Equal(m.SMS.Messengers, []wire.ID{messengerA, messengerB}) || m.Voice.Enabled || !m.Email.Enabled || m.Email.TemplateID != mailA {
			t.Errorf("second factors %+v", m)
		}
		if e := got.Email; e.ForgotPasswordTemplateID != mailA || e.ImplicitVerification || !e.Gated || !e.Verify || !e.VerifyWhenChanged {
			t.Errorf("e-mail %+v", e)
		}
		if p := got.Phone; p.ForgotPasswordTemplateID != textA || !p.ImplicitVerification || p.Gated || !p.Verify || !slices.Equal(p.Messengers, []wire.ID{messengerB}) {
			t.Errorf("phone %+v", p)
		}
		if got.Code != (tenant.Generator{Length: 8, Type: tenant.RandomAlphaNumeric}) || got.Lifetimes.TwoFactorID != 42*time.Second ||
			got.Lifetimes.TwoFactorCode != time.Minute || got.SendTwoFactor != (tenant.RateLimit{Enabled: true, Limit: 2, Period: 9 * time.Second}) {
			t.Errorf("codes %+v, lifetimes %+v, limit %+v", got.Code, got.Lifetimes, got.SendTwoFactor)
		}
		if e, p := got.Email, got.Phone; e.Strategy != tenant.FormField || e.VerificationTemplateID != mailA || e.SetPasswordTemplateID != mailA ||
			p.Strategy != tenant.ClickableLink || p.VerificationTemplateID != textA || p.SetPasswordTemplateID != textA {
			t.Errorf("verification by e-mail %+v, by phone %+v", e, p)
		}
		if got.EmailCode != (tenant.Generator{Length: 4, Type: tenant.RandomDigits}) || got.PhoneCode != (tenant.Generator{Length: 5, Type: tenant.RandomAlphaNumeric}) ||
			got.RegistrationCode != (tenant.Generator{Length: 6, Type: tenant.RandomAlpha}) {
			t.Errorf("codes of verifications %+v %+v %+v", got.EmailCode, got.PhoneCode, got.RegistrationCode)
		}
		if l := got.Lifetimes; l.EmailVerification != time.Second || l.PhoneVerification != 2*time.Second || l.RegistrationVerification != 3*time.Second || l.SetupPassword != 4*time.Second {
			t.Errorf("lifetimes of verifications %+v", l)
		}
		if e, p, r := got.SendEmailVerification, got.SendPhoneVerification, got.SendRegistrationVerification; e.Limit != 1 || p.Limit != 2 || r.Limit != 3 || !e.Enabled || !p.Enabled || !r.Enabled {
			t.Errorf("limits of verifications %+v %+v %+v", e, p, r)
		}
	})
}

func TestFlows_Rules(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		for _, c := range []struct {
			what, members string
			want          []string
		}{
			{"an unknown policy", `"multiFactorConfiguration": {"loginPolicy": "Sometimes"}`, []string{"[invalid]tenant.multiFactorConfiguration.loginPolicy"}},
			{"an app nobody has", `"multiFactorConfiguration": {"authenticator": {"enabled": "maybe", "algorithm": "MD5", "codeLength": 4, "timeStep": "x"}}`, []string{
				"[couldNotConvert]tenant.multiFactorConfiguration.authenticator.enabled", "[invalid]tenant.multiFactorConfiguration.authenticator.algorithm",
				"[invalid]tenant.multiFactorConfiguration.authenticator.codeLength", "[couldNotConvert]tenant.multiFactorConfiguration.authenticator.timeStep",
			}},
			{"fallbacks", `"multiFactorConfiguration": {"sms": {"fallbackMessengerIds": ["x", ""]}, "voice": {"fallbackMessengerIds": 1}}`, []string{
				"[couldNotConvert]tenant.multiFactorConfiguration.sms.fallbackMessengerIds[0]", "[blank]tenant.multiFactorConfiguration.sms.fallbackMessengerIds[1]",
				"[couldNotConvert]tenant.multiFactorConfiguration.voice.fallbackMessengerIds",
			}},
			{"a text without a messenger", `"phoneConfiguration": {"forgotPasswordTemplateId": "` + textA + `"}`, []string{"[missing]tenant.phoneConfiguration.messengerId"}},
			{"ids that are none", `"phoneConfiguration": {"messengerId": 5}, "emailConfiguration": {"setPasswordEmailTemplateId": "x"}`, []string{
				"[couldNotConvert]tenant.phoneConfiguration.messengerId", "[couldNotConvert]tenant.emailConfiguration.setPasswordEmailTemplateId",
			}},
			{"codes", `"externalIdentifierConfiguration": {"twoFactorOneTimeCodeIdGenerator": {"length": 3, "type": "emoji"}, "changePasswordIdTimeToLiveInSeconds": 0}`, []string{
				"[invalid]tenant.externalIdentifierConfiguration.changePasswordIdTimeToLiveInSeconds",
				"[invalid]tenant.externalIdentifierConfiguration.twoFactorOneTimeCodeIdGenerator.length",
				"[invalid]tenant.externalIdentifierConfiguration.twoFactorOneTimeCodeIdGenerator.type",
			}},
			{"limits", `"rateLimitConfiguration": {"forgotPassword": {"enabled": true, "limit": 0}, "sendTwoFactor": {"enabled": false, "limit": 0}},
				"messageLimits": {"perRecipient": {"limit": 0}, "perTenant": {"timePeriodInSeconds": "soon"}}`, []string{
				"[invalid]tenant.rateLimitConfiguration.forgotPassword.limit",
				"[invalid]tenant.messageLimits.perRecipient.limit", "[couldNotConvert]tenant.messageLimits.perTenant.timePeriodInSeconds",
			}},
			{"a lockout", `"failedAuthenticationConfiguration": {"userActionId": "` + textA + `", "tooManyAttempts": 0, "actionDuration": 1001, "actionDurationUnit": "FORTNIGHTS",
				"actionCancelPolicy": {"onPasswordReset": "perhaps"}}`, []string{
				"[invalid]tenant.failedAuthenticationConfiguration.tooManyAttempts", "[invalid]tenant.failedAuthenticationConfiguration.actionDuration",
				"[invalid]tenant.failedAuthenticationConfiguration.actionDurationUnit",
				"[couldNotConvert]tenant.failedAuthenticationConfiguration.actionCancelPolicy.onPasswordReset",
			}},
			{"no lockout", `"failedAuthenticationConfiguration": {"userActionId": "", "tooManyAttempts": 0, "actionDuration": 0, "actionDurationUnit": ""}`, nil},
			{"how an address is verified", `"emailConfiguration": {"verifyEmail": "yes", "verifyEmailWhenChanged": 1, "verificationStrategy": "Postcard",
				"unverified": {"behavior": "Shrug", "allowEmailChangeWhenGated": "x"}}, "phoneConfiguration": {"verifyPhoneNumber": [], "unverified": 7}`, []string{
				"[couldNotConvert]tenant.emailConfiguration.verifyEmail", "[couldNotConvert]tenant.emailConfiguration.verifyEmailWhenChanged",
				"[invalid]tenant.emailConfiguration.verificationStrategy", "[invalid]tenant.emailConfiguration.unverified.behavior",
				"[couldNotConvert]tenant.emailConfiguration.unverified.allowEmailChangeWhenGated",
				"[couldNotConvert]tenant.phoneConfiguration.verifyPhoneNumber", "[couldNotConvert]tenant.phoneConfiguration.unverified",
			}},
			{"a form for users who are let in without it", `"emailConfiguration": {"verificationStrategy": "FormField"},
				"phoneConfiguration": {"verificationStrategy": "FormField", "unverified": {"behavior": "Gated"}}`, []string{
				"[invalid]tenant.emailConfiguration.verificationStrategy",
			}},
			{"what is fine", `"multiFactorConfiguration": {"authenticator": null, "sms": {"enabled": false, "messengerId": ""}}, "messageLimits": {}`, nil},
			{"what clients send who know no absent members", `"multiFactorConfiguration": {"authenticator": {"enabled": false, "codeLength": "", "algorithm": ""}},
				"emailConfiguration": {"verifyEmail": "", "verificationStrategy": "", "unverified": {"allowEmailChangeWhenGated": false, "behavior": ""}}`, nil},
			{"whole numbers as others write them", `"multiFactorConfiguration": {"authenticator": {"codeLength": 8.0, "timeStep": "6e1"}}`, nil},
			{"numbers that are not whole", `"multiFactorConfiguration": {"authenticator": {"codeLength": 6.5, "timeStep": "0x20"}}`, []string{
				"[couldNotConvert]tenant.multiFactorConfiguration.authenticator.codeLength", "[couldNotConvert]tenant.multiFactorConfiguration.authenticator.timeStep",
			}},
		} {
			_, err := s.Create(t.Context(), "", "", parse(t, `{"name": "`+c.what+`", `+c.members+`}`), nil)
			var got []string
			if p, ok := problem.As(err); ok {
				for _, f := range p.Fields {
					got = append(got, f.Code)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			slices.Sort(got)
			slices.Sort(c.want)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: %s", c.what, diff)
			}
		}
	})
}

func TestFlows_NameWhatExists(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *tenant.Service) {
		// messengerA carries both kinds, messengerB text messages alone.
		s.HasMessenger = func(_ *db.Tx, id wire.ID, carries wire.MessageType) (bool, error) {
			return id == messengerA || id == messengerB && carries == wire.SMS, nil
		}
		s.HasMessageTemplate = func(_ *db.Tx, id wire.ID, of wire.MessageType) (bool, error) {
			return id == textA && of == wire.SMS || id == textVoice && of == wire.Voice, nil
		}
		s.HasEmailTemplate = func(_ *db.Tx, id wire.ID) (bool, error) { return id == mailA, nil }
		_, err := s.Create(t.Context(), "", "", parse(t, `{"name": "wrong",
			"multiFactorConfiguration": {
				"sms": {"enabled": true, "messengerId": "`+messengerC+`", "templateId": "`+textVoice+`", "fallbackMessengerIds": ["`+messengerA+`", "`+messengerC+`"]},
				"voice": {"enabled": true, "messengerId": "`+messengerB+`", "templateId": "`+textVoice+`"},
				"email": {"enabled": true, "templateId": "`+textA+`"}},
			"phoneConfiguration": {"messengerId": "`+messengerA+`", "passwordlessTemplateId": "`+mailA+`"},
			"emailConfiguration": {"verificationEmailTemplateId": "`+textA+`"}}`), nil)
		p, ok := problem.As(err)
		if !ok {
			t.Fatalf("error %v", err)
		}
		var got []string
		for _, f := range p.Fields {
			got = append(got, strings.TrimPrefix(f.Code, "[invalid]tenant."))
		}
		slices.Sort(got)
		if diff := cmp.Diff([]string{
			"emailConfiguration.verificationEmailTemplateId", "multiFactorConfiguration.email.templateId", "multiFactorConfiguration.sms.fallbackMessengerIds[1]",
			"multiFactorConfiguration.sms.messengerId", "multiFactorConfiguration.sms.templateId", "multiFactorConfiguration.voice.messengerId",
			"phoneConfiguration.passwordlessTemplateId",
		}, got); diff != "" {
			t.Error(diff)
		}

		good := `{"name": "right", "multiFactorConfiguration": {"sms": {"enabled": true, "messengerId": "` + messengerA + `", "templateId": "` + textA + `",
			"fallbackMessengerIds": ["` + messengerB + `"]}}, "emailConfiguration": {"setPasswordEmailTemplateId": "` + mailA + `"}}`
		_, err = s.Create(t.Context(), someID, "", parse(t, good), nil)
		check(t, err)
		check(t, d.Update(t.Context(), func(tx *db.Tx) error {
			for _, c := range []struct {
				uses func(*db.Tx, wire.ID) ([]string, error)
				id   wire.ID
				want []string
			}{
				{s.UsesMessenger, messengerA, []string{`tenant "right": multiFactorConfiguration.sms.messengerId`}},
				{s.UsesMessenger, messengerB, []string{`tenant "right": multiFactorConfiguration.sms.fallbackMessengerIds[0]`}},
				{s.UsesMessenger, messengerC, nil},
				{s.UsesMessageTemplate, textA, []string{`tenant "right": multiFactorConfiguration.sms.templateId`}},
				{s.UsesMessageTemplate, mailA, nil},
				{s.UsesEmailTemplate, mailA, []string{`tenant "right": emailConfiguration.setPasswordEmailTemplateId`}},
			} {
				by, err := c.uses(tx, c.id)
				if err != nil {
					return err
				}
				if diff := cmp.Diff(c.want, by); diff != "" {
					t.Errorf("%s: %s", c.id, diff)
				}
			}
			return nil
		}))

		// A tenant whose messenger has gone can be changed elsewhere, and not be given it anew.
		s.HasMessenger = func(*db.Tx, wire.ID, wire.MessageType) (bool, error) { return false, nil }
		_, err = s.Update(t.Context(), someID, func(current wire.Tenant) (wire.Tenant, []wire.ID, error) {
			current.Name = "still right"
			return current, nil, nil
		})
		check(t, err)
		if _, err := s.Create(t.Context(), otherID, "", parse(t, good), nil); err == nil {
			t.Error("a messenger that does not exist was accepted")
		}
	})
}
