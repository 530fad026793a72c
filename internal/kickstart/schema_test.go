package kickstart

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The schema has the members that Load knows, and no others.
func TestSchema_HasAllMembers(t *testing.T) {
	t.Parallel()
	type object struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	var schema struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	inner := func(of map[string]json.RawMessage, name string) (o object) {
		if err := json.Unmarshal(of[name], &o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	for what, test := range map[string]struct {
		has  object
		want []string
	}{
		"file":        {schema.object, fileMembers},
		"key":         {schema.Defs["apiKey"], keyMembers},
		"permissions": {inner(schema.Defs["apiKey"].Properties, "permissions"), permissionMembers},
		"request":     {schema.Defs["request"], requestMembers},
		"settings":    {inner(schema.Properties, "settings"), settingMembers},
	} {
		if diff := cmp.Diff(slices.Sorted(slices.Values(test.want)), slices.Sorted(maps.Keys(test.has.Properties))); diff != "" {
			t.Errorf("%s (-Load +schema):\n%s", what, diff)
		}
	}
}
