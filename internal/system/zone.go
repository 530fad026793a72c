package system

import (
	_ "embed"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // zones by name must not depend on what is installed beside the server

	"github.com/herald-events/herald/internal/nearest"
)

// zoneList has the names of the database that Go carries, one in a line, for suggestions: unzip -Z1 $(go env GOROOT)/lib/time/zoneinfo.zip
//
//go:embed zones.txt
var zoneList string

// zoneName keeps out what lies beside the zones in the folder of an operating system: posix/UTC, right/UTC with its leap seconds, localtime.
var zoneName = regexp.MustCompile(`^[A-Z][A-Za-z0-9+_-]*(/[A-Za-z0-9+_-]+)*$`)

// loadZone returns the zone with that name; ok is false when there is none.
func loadZone(name string) (zone *time.Location, ok bool) {
	// Local would be that of this machine, and Factory says that nobody has set one.
	if !zoneName.MatchString(name) || name == "Local" || name == "Factory" {
		return nil, false
	}
	zone, err := time.LoadLocation(name)
	return zone, err == nil
}

// suggestZone returns the zone that was probably meant, "" when none comes to mind. A city is enough.
func suggestZone(name string) string {
	zones := strings.Fields(zoneList)
	cities := make([]string, len(zones))
	for i, zone := range zones {
		cities[i] = zone[strings.LastIndexByte(zone, '/')+1:]
		if plain(cities[i]) == plain(name) {
			return zone
		}
	}
	if near := nearest.Name(name, zones); near != "" {
		return near
	}
	if city := nearest.Name(name, cities); city != "" {
		return suggestZone(city)
	}
	return ""
}

var separators = strings.NewReplacer("_", "", "-", "", " ", "")

func plain(name string) string { return separators.Replace(strings.ToLower(name)) }
