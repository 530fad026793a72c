package risk

import (
	"bufio"
	"bytes"
	"crypto/sha1" //nolint:gosec // how lists of stolen passwords are keyed
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/herald-events/herald/wire"
)

// Breaches know passwords that were stolen. Implementations are safe for concurrent use.
type Breaches interface {
	// Check tells how much of a login is known: the password together with one of the ids, with an id that differs in a sub-address (ada+shop@…), the password
	// alone, or as one of those that everybody has.
	Check(loginIDs []string, password string) (wire.BreachedPasswordStatus, error)
}

// common is the built-in list: the passwords that are guessed first.
//
//go:embed common.txt
var common string

// List is a list of stolen passwords that needs no network: the common ones, and a file if there is one.
type List struct {
	common map[string]bool
	pairs  map[string]bool // "login id in lower case:password"
	plain  map[string]bool
	hashes *hashFile
}

// NewList returns the built-in list and, unless path is empty, that of a file. The file has a line per password, as it is or as "login id:password", or it has
// SHA-1 hashes in hexadecimal, sorted, each perhaps followed by a colon and a number, as the public lists do; of such a file only what is needed is read.
func NewList(path string) (*List, error) {
	l := &List{common: map[string]bool{}, pairs: map[string]bool{}, plain: map[string]bool{}}
	for line := range strings.Lines(common) {
		l.common[strings.TrimSpace(line)] = true
	}
	if path == "" {
		return l, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the list of stolen passwords cannot be read: %w", err)
	}
	first := make([]byte, sha1.Size*2)
	if n, err := file.ReadAt(first, 0); (err == nil || errors.Is(err, io.EOF)) && n == len(first) && isHash(first) {
		info, err := file.Stat()
		if err != nil {
			_ = file.Close()
			return nil, fmt.Errorf("the list of stolen passwords cannot be read: %w", err)
		}
		l.hashes = &hashFile{file, info.Size()}
		return l, nil
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		if id, password, ok := strings.Cut(line, ":"); ok && strings.Contains(id, "@") {
			l.pairs[strings.ToLower(id)+":"+password] = true
			line = password
		}
		if line != "" {
			l.plain[line] = true
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("the list of stolen passwords cannot be read: %w", err)
	}
	return l, nil
}

func isHash(text []byte) bool {
	_, err := hex.Decode(make([]byte, sha1.Size), text)
	return err == nil
}

// Check implements [Breaches].
func (l *List) Check(loginIDs []string, password string) (wire.BreachedPasswordStatus, error) {
	known := func(id string) bool { return l.pairs[strings.ToLower(id)+":"+password] }
	if slices.ContainsFunc(loginIDs, known) {
		return wire.BreachedExactMatch, nil
	}
	for _, id := range loginIDs {
		if plain := withoutSubAddress(id); plain != id && known(plain) {
			return wire.BreachedSubAddressMatch, nil
		}
	}
	if l.common[password] {
		return wire.BreachedCommonPassword, nil
	}
	found := l.plain[password]
	if !found && l.hashes != nil {
		sum := sha1.Sum([]byte(password)) //nolint:gosec // see above
		var err error
		if found, err = l.hashes.contains(sum[:]); err != nil {
			return "", err
		}
	}
	if found {
		return wire.BreachedPasswordOnly, nil
	}
	return wire.BreachedNone, nil
}

// withoutSubAddress is ada@example.com for ada+shop@example.com.
func withoutSubAddress(id string) string {
	local, domain, ok := strings.Cut(id, "@")
	if !ok {
		return id
	}
	local, _, _ = strings.Cut(local, "+")
	return local + "@" + domain
}

// hashFile is a file of sorted hashes, a line each. It is safe for concurrent use.
type hashFile struct {
	file io.ReaderAt
	size int64
}

// longestLine is more than a hash, a colon and a number have.
const longestLine = 128

// contains looks by halves. It reads about thirty places of a file of a billion hashes.
func (f *hashFile) contains(hash []byte) (bool, error) {
	want := []byte(strings.ToUpper(hex.EncodeToString(hash)))
	low, high := int64(0), f.size // the line, if it is there, begins in between
	for low < high {
		middle := low + (high-low)/2
		begin, line, err := f.lineAt(middle)
		if err != nil {
			return false, err
		}
		if line == nil { // behind the last line that begins
			high = middle
			continue
		}
		switch order := bytes.Compare(bytes.ToUpper(line[:min(len(line), len(want))]), want); {
		case order == 0:
			return true, nil
		case order < 0:
			low = begin + 1
		default:
			high = middle
		}
	}
	return false, nil
}

// lineAt returns the first line that begins at an offset or behind it, nil if there is none.
func (f *hashFile) lineAt(offset int64) (begin int64, line []byte, err error) {
	from := max(offset-1, 0)
	buffer := make([]byte, 2*longestLine)
	n, err := f.file.ReadAt(buffer, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, nil, fmt.Errorf("the list of stolen passwords cannot be read: %w", err)
	}
	buffer = buffer[:n]
	if offset > 0 { // the line before ends here, or goes on
		end := bytes.IndexByte(buffer, '\n')
		if end < 0 {
			return 0, nil, nil
		}
		from, buffer = from+int64(end)+1, buffer[end+1:]
	}
	if end := bytes.IndexByte(buffer, '\n'); end >= 0 {
		buffer = buffer[:end]
	}
	if buffer = bytes.TrimSpace(buffer); len(buffer) == 0 {
		return 0, nil, nil
	}
	return from, buffer, nil
}
