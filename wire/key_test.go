package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/herald-events/herald/wire"
)

func TestKey_ZeroValues(t *testing.T) {
	t.Parallel()
	for want, value := range map[string]any{
		`{"hasPrivateKey":false}`: wire.Key{}, `{}`: wire.KeyInput{}, `{"keys":[]}`: wire.KeysResponse{}, `{"keys":[],"total":0}`: wire.KeySearchResponse{},
	} {
		got, err := json.Marshal(value)
		if err != nil || string(got) != want {
			t.Errorf("%T{} is %s, %v, want %s", value, got, err, want)
		}
	}
}

// An empty list of retries is no retries, and no list is the server's own: neither may become the other on its way.
func TestRetryConfiguration_EmptyIsNotAbsent(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{}`, `{"delays":[]}`, `{"delays":[5,30]}`} {
		var r wire.RetryConfiguration
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(r); err != nil || string(got) != text {
			t.Errorf("%s has become %s, %v", text, got, err)
		}
	}
}
