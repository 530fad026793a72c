package app

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// listenError says in a plain sentence why an address cannot be listened on, and what to do.
func listenError(addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		choose := "choose another one with --addr"
		if free := nextFree(addr); free != "" {
			choose += ", such as --addr " + free
		}
		return fmt.Errorf("the address %s is in use by %s; %s", addr, holder(addr), choose)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("listening on %s is not permitted; choose a port above 1023 with --addr", addr)
	default:
		return fmt.Errorf("cannot listen on %s: %w", addr, err)
	}
}

// nextFree is the address with the next port that is free, "" if the next few are not.
func nextFree(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	first, notNumber := strconv.Atoi(port)
	if err != nil || notNumber != nil {
		return ""
	}
	for next := first + 1; next <= first+20; next++ {
		free := net.JoinHostPort(host, strconv.Itoa(next))
		if l, err := net.Listen("tcp", free); err == nil {
			_ = l.Close()
			return free
		}
	}
	return ""
}

// holder names the process that listens on an address, as far as this one may know: Linux tells it of the same user's, or of all to root.
func holder(addr string) string {
	const unknown = "another program"
	_, port, err := net.SplitHostPort(addr)
	number, notNumber := strconv.Atoi(port)
	if err != nil || notNumber != nil {
		return unknown
	}
	sockets := listeners(number)
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*") // none where there is no such folder
	for _, file := range files {
		if to, err := os.Readlink(file); err != nil || !sockets[to] {
			continue
		}
		process := filepath.Dir(filepath.Dir(file))
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue
		}
		return fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(name)), filepath.Base(process))
	}
	return unknown
}

// listeners are the sockets that listen on a port, as the names of open files have them. Source: proc_net_tcp.txt of Linux.
func listeners(port int) map[string]bool {
	const listening = "0A"
	found := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(table)
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) > 9 && fields[3] == listening && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
				found["socket:["+fields[9]+"]"] = true
			}
		}
	}
	return found
}
