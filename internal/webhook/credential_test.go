package webhook

import (
	"testing"
)

// Only what somebody could log in with is hidden, only in the event that has it, and everything else stays as it is.
func TestShown(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"event":{"type":"jwt.refresh","refreshToken":"secret-1","token":"secret-2","original":"secret-3","userId":"u"}}`: `{"event":{"type":"jwt.refresh","refreshToken":"(hidden)","token":"(hidden)","original":"(hidden)","userId":"u"}}`,
		` { "id" : 1, "event" : { "token" : "secret\n\"é" , "type" : "jwt.refresh", "n": 1.50 } } `:                        ` { "id" : 1, "event" : { "token" : "(hidden)" , "type" : "jwt.refresh", "n": 1.50 } } `,
		`{"event":{"type":"user.create","token":"mine","user":{"data":{"type":"jwt.refresh"}}}}`:                           "",
		`{"event":{"type":"jwt.refresh-token.revoke","refreshToken":{"id":"i"}}}`:                                          "",
		`{"event":{"type":"jwt.refresh","token":null,"data":{"token":"inner"}}}`:                                           "",
		`{"event":"jwt.refresh","token":"x"}`:                                                                              "",
	} {
		if want == "" {
			want = body
		}
		if got := string(Shown([]byte(body))); got != want {
			t.Errorf("%s is shown as %s", body, got)
		}
	}
}
