package key

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/herald-events/herald/internal/crashpoint"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/sealed"
)

// The files beside [File] while the key in it is being replaced, and afterwards.
const (
	nextFile = File + ".next"
	// PreviousFile has the key before the last change: backups from before it need it, nothing else does. Those before it have a number behind the name, in the order of the changes.
	PreviousFile = File + ".previous"
)

// LoadOthers returns the master keys that secrets may be sealed with beside that of LoadMaster: the one in the environment, if that is not blank, and that of a change that has
// begun in the data folder and not ended.
func LoadOthers(dir, fromEnv string) (others [][]byte, err error) {
	if strings.TrimSpace(fromEnv) != "" {
		other, err := parse(fromEnv)
		if err != nil {
			return nil, fmt.Errorf("the encryption key in HERALD_ENCRYPTION_KEY_PREVIOUS %w", err)
		}
		others = append(others, other)
	}
	switch next, err := read(filepath.Join(dir, nextFile)); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		others = append(others, next)
	}
	return others, nil
}

// BeginChange returns the key that is to take the place of the one in the key file. It is the same until EndChange, however often a change is begun.
func BeginChange(dir string) (next []byte, err error) {
	path := filepath.Join(dir, nextFile)
	if next, err = read(path); !errors.Is(err, fs.ErrNotExist) {
		return next, err
	}
	next = newMaster()
	if err := create(path, next); err != nil {
		return nil, fmt.Errorf("create the key file: %w", err)
	}
	return next, nil
}

// EndChange puts the next key in its place and keeps the one before under another name. There is a key file at every instant.
func EndChange(dir string) error {
	current, next, previous := filepath.Join(dir, File), filepath.Join(dir, nextFile), filepath.Join(dir, PreviousFile)
	before, err := os.ReadFile(current)
	if err != nil {
		return err
	}
	kept, err := os.ReadFile(previous)
	if err == nil && !bytes.Equal(kept, before) {
		if err := keepEarlier(previous); err != nil {
			return fmt.Errorf("keep the key of an earlier change: %w", err)
		}
		kept = nil
	}
	if kept == nil {
		if err := os.Link(current, previous); err != nil {
			return fmt.Errorf("keep the previous key: %w", err)
		}
	}
	crashpoint.Here("rekey-kept")
	if err := os.Rename(next, current); err != nil {
		return fmt.Errorf("put the new key in its place: %w", err)
	}
	crashpoint.Here("rekey-replaced")
	// What somebody has left who was killed while he made a key file.
	left, err := os.ReadDir(dir)
	for _, entry := range left {
		if strings.HasPrefix(entry.Name(), "."+File+".") {
			err = errors.Join(err, os.Remove(filepath.Join(dir, entry.Name())))
		}
	}
	return errors.Join(err, syncDir(dir))
}

// keepEarlier gives the file of a previous key another name, with a number: backups from before that change still need it.
func keepEarlier(previous string) error {
	for n := 1; ; n++ {
		switch err := os.Link(previous, fmt.Sprintf("%s.%d", previous, n)); {
		case errors.Is(err, fs.ErrExist):
		case err != nil:
			return err
		default:
			return os.Remove(previous)
		}
	}
}

// Resealed is what Reseal has done.
type Resealed struct {
	Changed int64
	// Unreadable are the texts that no key opens, as table.column: key of the row. They stay as they are.
	Unreadable []string
}

// reseals is how many texts are sealed anew in one transaction.
const reseals = 200

// Reseal seals everything that another key has sealed with that of s, which has to know both. Others may work on the store: a text that somebody changes meanwhile
// is left to them, and looked at again. It can be ended at any instant and begun anew. told hears of each step.
func Reseal(ctx context.Context, d *db.DB, s *Sealer, places []sealed.Place, told func(place string, done int64)) (all Resealed, err error) {
	for _, p := range places {
		// What a process that does not have the key first among its own writes while we look is found by the next look.
		for again := true; again; {
			changed, unreadable, err := resealPlace(ctx, d, s, p, func(done int64) { told(p.Table+"."+p.Column, done) })
			all.Changed += changed
			if err != nil {
				return all, fmt.Errorf("seal %s.%s anew: %w", p.Table, p.Column, err)
			}
			if again = changed > 0; !again {
				all.Unreadable = append(all.Unreadable, unreadable...)
			}
		}
	}
	return all, nil
}

func resealPlace(ctx context.Context, d *db.DB, s *Sealer, p sealed.Place, told func(done int64)) (changed int64, unreadable []string, err error) {
	after := make([]string, len(p.Key))
	for {
		var found []sealedRow
		if err := d.View(ctx, func(tx *db.Tx) (err error) { found, err = sealedByOthers(tx, s, p, after, reseals); return err }); err != nil {
			return changed, unreadable, err
		}
		if len(found) == 0 {
			return changed, unreadable, nil
		}
		after = found[len(found)-1].key
		var anew []sealedRow
		for _, row := range found {
			place := p.Context(row.key)
			plain, err := s.Open(place, row.text)
			if err != nil {
				unreadable = append(unreadable, p.Table+"."+p.Column+": "+strings.Join(row.key, " "))
				continue
			}
			if row.anew, err = s.Seal(place, plain); err != nil {
				return changed, unreadable, err
			}
			anew = append(anew, row)
		}
		var step int64
		err := d.Update(ctx, func(tx *db.Tx) (err error) { step, err = storeResealed(tx, p, anew); return err })
		if err != nil {
			return changed, unreadable, err
		}
		changed += step
		crashpoint.Here("rekey-step")
		told(changed)
	}
}
