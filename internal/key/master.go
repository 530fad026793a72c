package key

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/herald-events/herald/internal/crashpoint"
)

// File is the name of the key file in the data folder.
const File = "herald.key"

// LoadMaster returns the master key: fromEnv if it is not blank, else the content of the key file in dir. Without either it makes a new
// key and writes it to the file, readable by the owner only; created is true then. The folder must exist.
//
// A key is 32 bytes in base64 or hexadecimal. Of several processes that find no file at the same moment one creates it and all
// return its key; the file is complete and on disk before it has its name.
func LoadMaster(dir, fromEnv string) (master []byte, created bool, err error) {
	if strings.TrimSpace(fromEnv) != "" {
		master, err = parse(fromEnv)
		if err != nil {
			return nil, false, fmt.Errorf("the encryption key in HERALD_ENCRYPTION_KEY %w; it must be 32 bytes in base64 or hexadecimal, as `openssl rand -base64 32` prints them", err)
		}
		return master, false, nil
	}
	path := filepath.Join(dir, File)
	master, err = read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return master, false, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil { // on PostgreSQL nobody else makes the folder
		return nil, false, fmt.Errorf("create the folder of the key file: %w", err)
	}
	master = newMaster()
	switch err := create(path, master); {
	case errors.Is(err, fs.ErrExist):
		master, err = read(path)
		return master, false, err
	case err != nil:
		return nil, false, fmt.Errorf("create the key file: %w", err)
	}
	return master, true, nil
}

func newMaster() []byte {
	master := make([]byte, Size)
	_, _ = rand.Read(master) // never fails, see its documentation
	return master
}

// Exposed tells whether others than the owner may read the key file in dir. Mounted secrets often are like that, so it is a reason for
// a warning, not for a refusal.
func Exposed(dir string) (path string, exposed bool) {
	path = filepath.Join(dir, File)
	info, err := os.Stat(path)
	return path, err == nil && info.Mode().Perm()&0o077 != 0
}

func read(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	master, err := parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("the key file %s %w", path, err)
	}
	return master, nil
}

// parse never puts any of the text into its error.
func parse(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, errors.New("is empty; restore it from a backup, or remove it if nothing was stored yet")
	}
	if len(text) == hex.EncodedLen(Size) {
		if key, err := hex.DecodeString(text); err == nil {
			return key, nil
		}
	}
	// One decoder for both alphabets of base64, with and without padding.
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	key, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil {
		return nil, errors.New("is neither base64 nor hexadecimal")
	}
	if len(key) != Size {
		return nil, fmt.Errorf("holds %d bytes instead of %d", len(key), Size)
	}
	return key, nil
}

// create writes the key file, or fails with fs.ErrExist when there is one. A link, other than a rename, does not replace what
// another process put there meanwhile.
func create(path string, master []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+File+".*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(master) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	crashpoint.Here("key-written")
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	crashpoint.Here("key-made")
	return syncDir(dir)
}

// syncDir makes the file's name durable, too.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
