package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A running server announces itself to the commands of the same user on the same machine, so that they find it without being told: a file with its address and with
// an API key that only this server accepts, and only as long as it runs. The file is readable by its owner only. It stands in the data folder and, under the number
// of the process, in a folder of the user. The server holds a lock on both, which ends with it however it ends: a file without a lock is a leftover, and worth nothing.

// announcement is what such a file says.
type announcement struct {
	URL  string `json:"url"`
	Key  string `json:"key"`
	Data string `json:"data"` // the absolute path of the data folder
}

// announcementFile is the name of the file in the data folder.
const announcementFile = "cli.json"

// announce writes the files and returns what takes them away again. Where one of them cannot be written, the commands do not find the server there, and that is all.
func announce(a announcement, env func(string) string) (withdraw func()) {
	paths := []string{filepath.Join(a.Data, announcementFile)}
	if folder := serversFolder(env); folder != "" {
		paths = append(paths, filepath.Join(folder, strconv.Itoa(os.Getpid())+".json"))
	}
	var files []*os.File
	for _, path := range paths {
		if file, err := writeLocked(path, a); err == nil {
			files = append(files, file)
		}
	}
	return func() {
		for i, file := range files {
			_ = os.Remove(paths[i])
			_ = file.Close()
		}
	}
}

// writeLocked puts a locked file into its place at once: whoever sees it sees all of it.
func writeLocked(path string, a announcement) (file *os.File, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if file, err = os.CreateTemp(filepath.Dir(path), ".cli-*"); err != nil { // which makes it 0600
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
			_ = file.Close()
		}
	}()
	if err := json.NewEncoder(file).Encode(a); err != nil {
		return nil, err
	}
	if err := lock(file); err != nil {
		return nil, err
	}
	return file, os.Rename(file.Name(), path)
}

// serversFolder is where the servers of a user are announced, "" when there is no such place.
func serversFolder(env func(string) string) string {
	if folder := env("XDG_RUNTIME_DIR"); folder != "" {
		return filepath.Join(folder, "herald", "servers")
	}
	if folder := env("XDG_STATE_HOME"); folder != "" {
		return filepath.Join(folder, "herald", "servers")
	}
	if home := env("HOME"); home != "" {
		return filepath.Join(home, ".local", "state", "herald", "servers")
	}
	return ""
}

// running are the announced servers that run. What others have left behind is removed.
func running(env func(string) string) (all []announcement) {
	folder := serversFolder(env)
	entries, _ := os.ReadDir(folder) // none is fine
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".json") {
			continue
		}
		path := filepath.Join(folder, entry.Name())
		switch a, state := readAnnouncement(path); state {
		case live:
			all = append(all, a)
		case leftover:
			_ = os.Remove(path)
		}
	}
	data := env("HERALD_DATA")
	if data == "" {
		data = "herald-data"
	}
	if a, state := readAnnouncement(filepath.Join(data, announcementFile)); state == live {
		all = append([]announcement{a}, without(all, a.URL)...)
	}
	return all
}

func without(all []announcement, url string) (rest []announcement) {
	for _, a := range all {
		if a.URL != url {
			rest = append(rest, a)
		}
	}
	return rest
}

// announcementState says what a file is worth.
type announcementState int

const (
	useless  announcementState = iota // cannot be read, or was not put there by serve
	leftover                          // of a server that is gone
	live
)

// readAnnouncement returns what the file says. A file of another user, or one that others can read, was not put there by serve.
func readAnnouncement(path string) (a announcement, state announcementState) {
	file, err := os.Open(path)
	if err != nil {
		return a, useless
	}
	defer func() { _ = file.Close() }()
	switch {
	case !ours(file):
		return a, useless
	case !locked(file):
		return a, leftover
	case json.NewDecoder(file).Decode(&a) != nil || a.URL == "":
		return a, useless
	}
	return a, live
}
