package api

import (
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/rawjson"
)

// FuzzSound: events from outside are not decoded, but what is refused is the same as everywhere.
func FuzzSound(f *testing.F) {
	for _, seed := range []string{
		`{"event":{"type":"test","a":[1,-2.5e-3,true,null,"\u00e9"]}}`, `{"a":1,"\u0061":2}`, `{"a":"\u0000"}`, "\"\xff\"", `{"a":{"b":1,"b":1}}`, ` [] `, `01`, ``,
		strings.Repeat("[", body.MaxDepth+1) + strings.Repeat("]", body.MaxDepth+1), strings.Repeat("[", body.MaxDepth+1) + "1" + strings.Repeat("]", body.MaxDepth+1),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := body.Check(data)
		if sound := rawjson.Sound(data, body.MaxDepth); sound != (err == nil) {
			t.Errorf("%q is sound: %t; elsewhere it is %v", data, sound, err)
		}
	})
}
