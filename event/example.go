package event

import (
	"embed"
	"fmt"
)

//go:embed examples/*.json
var examples embed.FS

// Example returns a complete event of type t as it would be sent, {"event": {…}}, indented for reading. All values are invented. The
// caller may change the slice.
//
// Errors: [UnknownTypeError].
func Example(t Type) ([]byte, error) {
	if _, ok := positions[t]; !ok {
		return nil, unknown(t)
	}
	b, err := examples.ReadFile("examples/" + string(t) + ".json")
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", t, err)
	}
	return b, nil
}
