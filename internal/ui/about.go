package ui

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	herald "github.com/herald-events/herald"
	"github.com/herald-events/herald/internal/admin"
)

var aboutRoutes = []route{
	{"GET /admin/about", signedIn, "", 0, (*server).about},
}

// Setting is one of how the process was started, without what is secret.
type Setting struct {
	Name, Value string
	// Default tells that nobody has set it.
	Default bool
}

type aboutPage struct {
	Version, Go, Platform, Engine string
	// Settings are for those who may see the system configuration. Report is all of it as text.
	Settings        []Setting
	Report          string
	Libraries       []library
	License, Notice string
}

type library struct{ Path, Version string }

// about says what runs here, for people who ask for help.
func (s *server) about(v *visit) error {
	page := aboutPage{
		Version: s.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Engine: s.Engine, License: herald.License, Notice: herald.Notice,
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			page.Libraries = append(page.Libraries, library{m.Path, m.Version})
		}
	}
	var report strings.Builder
	fmt.Fprintf(&report, "Herald %s, %s, %s\n%s\n", page.Version, page.Go, page.Platform, page.Engine)
	if v.session.May(admin.System, admin.View) {
		page.Settings = s.Settings
		for _, setting := range s.Settings {
			if !setting.Default {
				fmt.Fprintf(&report, "%s: %s\n", setting.Name, setting.Value)
			}
		}
	}
	page.Report = strings.TrimSpace(report.String())
	return v.show("about", "AboutHerald", page)
}
