package key_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/herald-events/herald/internal/key"
)

func master(b byte) []byte { return bytes.Repeat([]byte{b}, key.Size) }

func TestSeal_RoundTrip(t *testing.T) {
	t.Parallel()
	s := key.NewSealer(master(1))
	for _, plain := range []string{"", "x", "pässwörd", strings.Repeat("long ", 10_000)} {
		sealed, err := s.Seal("webhook/secrets/1", []byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		if plain != "" && len(plain) > 3 && strings.Contains(sealed, plain) {
			t.Errorf("the sealed text shows the secret")
		}
		for _, r := range sealed {
			if r <= ' ' || r > '~' {
				t.Fatalf("sealed text has the unprintable %q", r)
			}
		}
		got, err := s.Open("webhook/secrets/1", sealed)
		if err != nil || string(got) != plain {
			t.Errorf("Open = %.20q, %v; want %.20q", got, err, plain)
		}
	}
}

func TestSeal_NeverTheSameTextTwice(t *testing.T) {
	t.Parallel()
	s := key.NewSealer(master(1))
	a, _ := s.Seal("c", []byte("secret"))
	b, _ := s.Seal("c", []byte("secret"))
	if a == b {
		t.Errorf("two seals of one secret are equal: %s", a)
	}
}

func TestSeal_NeedsContext(t *testing.T) {
	t.Parallel()
	if text, err := key.NewSealer(master(1)).Seal("", []byte("secret")); err == nil {
		t.Errorf("Seal without a context = %q, want an error", text)
	}
}

func TestOpen_Refuses(t *testing.T) {
	t.Parallel()
	const secret = "correct horse battery staple"
	s, other := key.NewSealer(master(1)), key.NewSealer(master(2))
	sealed, err := s.Seal("webhook/1", []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	foreign, _ := other.Seal("webhook/1", []byte(secret))
	parts := strings.Split(sealed, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(parts[2])
	raw[len(raw)-1] ^= 1
	flipped := parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(raw)
	otherID := strings.Split(foreign, ".")[1]

	tests := []struct {
		name, context, sealed string
		want                  error
	}{
		{"another context", "webhook/2", sealed, key.ErrCorrupt},
		{"another key", "webhook/1", foreign, key.ErrOtherKey},
		{"another key under our id", "webhook/1", strings.Replace(foreign, otherID, parts[1], 1), key.ErrCorrupt},
		{"our text under another id", "webhook/1", strings.Replace(sealed, parts[1], otherID, 1), key.ErrOtherKey},
		{"one bit changed", "webhook/1", flipped, key.ErrCorrupt},
		{"cut off", "webhook/1", sealed[:len(sealed)-8], key.ErrCorrupt},
		{"no ciphertext", "webhook/1", parts[0] + "." + parts[1] + ".", key.ErrCorrupt},
		{"later version", "webhook/1", "v2" + sealed[2:], key.ErrCorrupt},
		{"plain text", "webhook/1", secret, key.ErrCorrupt},
		{"not base64", "webhook/1", parts[0] + "." + parts[1] + ".***", key.ErrCorrupt},
		{"empty", "webhook/1", "", key.ErrCorrupt},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			plain, err := s.Open(tt.context, tt.sealed)
			if !errors.Is(err, tt.want) || plain != nil {
				t.Fatalf("Open = %q, %v; want %v", plain, err, tt.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestNewSealer_PanicsOnWrongLength(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a key of 16 bytes was accepted")
		}
	}()
	key.NewSealer(make([]byte, 16))
}

func TestLoadMaster_CreatesOnceAndReadsAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, created, err := key.LoadMaster(dir, "")
	if err != nil || !created || len(first) != key.Size {
		t.Fatalf("first LoadMaster = %d bytes, %v, %v", len(first), created, err)
	}
	again, created, err := key.LoadMaster(dir, " ")
	if err != nil || created || !bytes.Equal(again, first) {
		t.Fatalf("second LoadMaster gives another key, created %v, %v", created, err)
	}
	info, err := os.Stat(filepath.Join(dir, key.File))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v; want 0600", info.Mode(), err)
	}
	if path, exposed := key.Exposed(dir); exposed {
		t.Errorf("%s counts as exposed", path)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Errorf("%d files left in the folder, want the key alone", len(entries))
	}
}

func TestLoadMaster_RaceHasOneWinner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const n = 16
	keys, made := make([][]byte, n), make([]bool, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			var err error
			if keys[i], made[i], err = key.LoadMaster(dir, ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	winners := 0
	for i := range n {
		if made[i] {
			winners++
		}
		if !bytes.Equal(keys[i], keys[0]) {
			t.Errorf("process %d has another key", i)
		}
	}
	if winners != 1 {
		t.Errorf("%d created the file, want 1", winners)
	}
}

func TestLoadMaster_Formats(t *testing.T) {
	t.Parallel()
	raw := []byte{0xfb, 0xff, 0xfe}
	raw = append(raw, master(7)[:key.Size-len(raw)]...)
	for name, text := range map[string]string{
		"base64":            base64.StdEncoding.EncodeToString(raw),
		"base64 unpadded":   base64.RawStdEncoding.EncodeToString(raw),
		"base64url":         base64.URLEncoding.EncodeToString(raw),
		"hexadecimal":       hex.EncodeToString(raw),
		"with a line break": base64.StdEncoding.EncodeToString(raw) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, created, err := key.LoadMaster(t.TempDir(), text)
			if err != nil || created || !bytes.Equal(got, raw) {
				t.Errorf("LoadMaster = %x, %v, %v; want %x", got, created, err, raw)
			}
		})
	}
}

func TestLoadMaster_PlainErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"empty", "\n", "is empty"},
		{"too short", "c2hvcnQ=", "holds 5 bytes instead of 32"},
		{"no encoding", "this is my secret key!", "is neither base64 nor hexadecimal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, key.File), []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			got, created, err := key.LoadMaster(dir, "")
			if err == nil || got != nil || created {
				t.Fatalf("LoadMaster = %x, %v, %v; want an error", got, created, err)
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), key.File) {
				t.Errorf("error = %q; want the file and %q", err, tt.want)
			}
			if text := strings.TrimSpace(tt.text); text != "" && strings.Contains(err.Error(), text) {
				t.Errorf("the error shows the file's content: %v", err)
			}
			if _, exposed := key.Exposed(dir); !exposed {
				t.Error("a file of mode 0644 does not count as exposed")
			}
		})
	}
}

// On PostgreSQL the key file is the first thing to need the data folder.
func TestLoadMaster_MakesTheFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	master, created, err := key.LoadMaster(dir, "")
	if err != nil || !created {
		t.Fatalf("created %v, error %v", created, err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v; want one that only its owner can read", info, err)
	}
	again, created, err := key.LoadMaster(dir, "")
	if err != nil || created || string(again) != string(master) {
		t.Errorf("the second time: created %v, error %v, the same key %v", created, err, string(again) == string(master))
	}
}

func TestSealer_OpensWithOtherKeys(t *testing.T) {
	t.Parallel()
	before, after := key.NewSealer(master(1)), key.NewSealer(master(2), master(1), master(2))
	old, _ := before.Seal("c", []byte("secret"))
	if plain, err := after.Open("c", old); err != nil || string(plain) != "secret" {
		t.Errorf("Open = %q, %v", plain, err)
	}
	anew, _ := after.Seal("c", []byte("secret"))
	if _, err := before.Open("c", anew); !errors.Is(err, key.ErrOtherKey) {
		t.Errorf("the previous key opens what the new one has sealed: %v", err)
	}
	if after.Made(old) || !after.Made(anew) || after.IDs() != after.ID()+" "+before.ID() {
		t.Errorf("made %v, %v; keys %s", after.Made(old), after.Made(anew), after.IDs())
	}
}

// TestChange ends a change of the key file at each instant, and begins it anew.
func TestChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var previous [][]byte
	for range 3 { // more than once in the life of a store
		old, _, err := key.LoadMaster(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		next, err := key.BeginChange(dir)
		if err != nil || bytes.Equal(next, old) {
			t.Fatal(err)
		}
		if again, err := key.BeginChange(dir); err != nil || !bytes.Equal(again, next) {
			t.Errorf("begun anew with another key, %v", err)
		}
		if others, err := key.LoadOthers(dir, ""); err != nil || len(others) != 1 || !bytes.Equal(others[0], next) {
			t.Errorf("a server beside it finds %d other keys, %v", len(others), err)
		}
		// Somebody was killed while he made a key.
		half := filepath.Join(dir, "."+key.File+".123")
		if err := os.WriteFile(half, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := key.EndChange(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(half); err == nil {
			t.Error("half a key is left")
		}
		previous = append(previous, old)
		now, _, err := key.LoadMaster(dir, "")
		if err != nil || !bytes.Equal(now, next) {
			t.Errorf("the new key is not in its place, %v", err)
		}
		if others, err := key.LoadOthers(dir, ""); err != nil || len(others) != 0 {
			t.Errorf("%d other keys afterwards, %v", len(others), err)
		}
	}
	// Backups from before any of the changes can still be read.
	for i, name := range []string{".1", ".2", ""} {
		other := t.TempDir()
		if err := os.Link(filepath.Join(dir, key.PreviousFile+name), filepath.Join(other, key.File)); err != nil {
			t.Fatal(err)
		}
		if kept, _, err := key.LoadMaster(other, ""); err != nil || !bytes.Equal(kept, previous[i]) {
			t.Errorf("%s is not the key before change %d: %v", key.PreviousFile+name, i+1, err)
		}
	}
	if _, err := key.LoadOthers(dir, "!"); err == nil || !strings.Contains(err.Error(), "HERALD_ENCRYPTION_KEY_PREVIOUS is neither") {
		t.Errorf("LoadOthers = %v", err)
	}
}
