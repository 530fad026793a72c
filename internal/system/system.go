// Package system owns what is set for the whole installation: how long logs are kept, which proxies are believed, the time zone of reports,
// and a number of things that FusionAuth's clients write and read and Herald only keeps.
//
// It does not act on any of it: who does asks for Settings. It does not own what is set for a tenant (package tenant), nor how the process is
// started (package config).
//
//	system.go    operations
//	validate.go  the rules, and the defaults
//	settings.go  the cached, typed part that others act on
//	proxy.go     whose word about a client's address counts
//	zone.go      time zones by name
package system

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Service keeps the system configuration. It is safe for concurrent use.
type Service struct {
	db       *db.DB
	settings *db.Cache[Settings]
}

// New returns the system configuration in d.
func New(d *db.DB) *Service {
	return &Service{db: d, settings: db.NewCache(d, topic, loadSettings)}
}

// Load returns the configuration with all its defaults. Before the first change that is nothing but defaults, without instants.
func (s *Service) Load(ctx context.Context) (c wire.SystemConfiguration, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		r, err := loadConfiguration(tx)
		if err != nil {
			return err
		}
		c, err = r.open()
		return err
	})
	return c, err
}

// Update replaces the configuration by what change makes of it, and returns it with all its defaults. change gets it as it is, may run more
// than once, and may fail. Errors: a problem of kind Invalid, and problem.Stale when another change was faster.
func (s *Service) Update(ctx context.Context, change func(current wire.SystemConfiguration) (wire.SystemConfiguration, error)) (updated wire.SystemConfiguration, err error) {
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		r, err := loadConfiguration(tx)
		if err != nil {
			return err
		}
		current, err := r.open()
		if err != nil {
			return err
		}
		draft, err := change(current)
		if err != nil {
			return err
		}
		if err := check(&draft); err != nil {
			return err
		}
		next, err := seal(draft, r.version+1)
		if err != nil {
			return err
		}
		if next.insertInstant, next.lastUpdateInstant = r.insertInstant, tx.NowMillis(); r.version == 0 {
			next.insertInstant = next.lastUpdateInstant
		}
		saved, err := saveConfiguration(tx, next)
		if err != nil {
			return err
		}
		if !saved {
			return problem.Stale("system configuration")
		}
		if updated, err = next.open(); err != nil {
			return err
		}
		return tx.Bump(topic)
	})
	return updated, err
}

// row is the configuration as it is stored. Version 0 is not stored.
type row struct {
	document                         string
	version                          int64
	insertInstant, lastUpdateInstant int64
}

func seal(c wire.SystemConfiguration, version int64) (row, error) {
	c.InsertInstant, c.LastUpdateInstant = 0, 0 // they have columns
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // what is only kept is kept as it was sent
	if err := e.Encode(c); err != nil {
		return row{}, fmt.Errorf("encode the system configuration: %w", err)
	}
	return row{document: b.String(), version: version}, nil
}

func (r row) open() (c wire.SystemConfiguration, err error) {
	if r.version > 0 {
		if err := json.Unmarshal([]byte(r.document), &c); err != nil {
			return c, fmt.Errorf("decode the system configuration: %w", err)
		}
	} else {
		c.ReportTimezone = initialTimezone
	}
	c.InsertInstant, c.LastUpdateInstant = wire.Instant(r.insertInstant), wire.Instant(r.lastUpdateInstant)
	complete(&c)
	return c, nil
}
