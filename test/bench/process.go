package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cpuOfSelf is the user and system time of this process: callers, receivers, and the server when it is profiled.
func cpuOfSelf() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// What other processes have used is read from /proc. Where there is none, CPU and memory are not measured.

// clockTick is the unit of times in /proc; Linux shows 1/100 s everywhere.
const clockTick = 10 * time.Millisecond

// stat is what /proc says about a process.
type stat struct {
	name   string
	parent int
	own    time.Duration // user and system time
	ended  time.Duration // the same of its children that have ended
}

func statOf(pid int) (s stat, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return s, false
	}
	// The name stands in parentheses and may hold anything; the fields after it are numbered from 3.
	from, to := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	fields := strings.Fields(string(text[to+1:]))
	if from < 0 || len(fields) < 15 {
		return s, false
	}
	ticks := func(field int) time.Duration {
		n, _ := strconv.ParseInt(fields[field-3], 10, 64)
		return time.Duration(n) * clockTick
	}
	s.name = string(text[from+1 : to])
	s.parent, _ = strconv.Atoi(fields[4-3])
	s.own, s.ended = ticks(14)+ticks(15), ticks(16)+ticks(17)
	return s, true
}

// cpuOf is the user and system time that a process has used.
func cpuOf(pid int) (time.Duration, bool) {
	s, ok := statOf(pid)
	return s.own, ok
}

// cpuOfFamily is the user and system time of a process and of all children that it ever had: PostgreSQL has one per connection.
func cpuOfFamily(pid int) (time.Duration, bool) {
	s, ok := statOf(pid)
	if !ok {
		return 0, false
	}
	sum := s.own + s.ended
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		id, _ := strconv.Atoi(filepath.Base(process))
		if child, ok := statOf(id); ok && child.parent == pid {
			sum += child.own + child.ended
		}
	}
	return sum, true
}

// residentOf is the memory in bytes that a process has in RAM.
func residentOf(pid int) (int64, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, false
	}
	kilobytes, err := strconv.ParseInt(fields[0], 10, 64)
	return kilobytes << 10, err == nil
}

// memory watches how much memory a process has in RAM at most.
type memory struct {
	stop, ended chan struct{}
	most        int64
}

// watchMemory begins to watch; pid 0 is no process.
func watchMemory(pid int) *memory {
	m := &memory{stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(m.ended)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for pid > 0 {
			if now, ok := residentOf(pid); ok {
				m.most = max(m.most, now)
			}
			select {
			case <-tick.C:
			case <-m.stop:
				return
			}
		}
	}()
	return m
}

// end stops watching and notes the peak, if there was anything to see.
func (m *memory) end(v values) {
	close(m.stop)
	<-m.ended
	if m.most > 0 {
		v[residentMB] = max(v[residentMB], float64(m.most)/1e6)
	}
}
