package system

import (
	"strings"
	"testing"
)

func TestZones_AllSuggestionsExist(t *testing.T) {
	t.Parallel()
	zones := strings.Fields(zoneList)
	if len(zones) < 500 {
		t.Fatalf("only %d zones", len(zones))
	}
	for _, name := range zones {
		if _, ok := loadZone(name); !ok {
			t.Errorf("zone %s cannot be loaded", name)
		}
	}
}
