package main

import (
	"bytes"
	_ "embed" // the model
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

//go:embed protocol.pml
var protocol []byte

// job is one exhaustive search.
type job struct {
	name     string
	defines  []string
	shortest bool // breadth first: what it finds is as short as can be
	cycles   bool // instead of the properties: whether any run goes on for ever
	short    bool // compiled in a moment, at the price of speed
}

// result is what a search came to.
type result struct {
	states    int
	depth     int
	seconds   float64
	mebibytes int
	refuted   string   // the property that does not hold; empty: all states were seen, and all hold
	story     []string // how it came to that
}

// memory bounds a search, in MiB.
const memory = 3500

// depth bounds the stack; a search that needs more fails.
const depth = 1_000_000

// run compiles the model with its defines, and searches all states. Nothing is
// approximated: states are compressed without loss and compared whole, and a search
// that was cut off is an error.
func (j job) run() (r result, err error) {
	dir, err := os.MkdirTemp("", "model-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.WriteFile(filepath.Join(dir, "protocol.pml"), protocol, 0o600); err != nil {
		return r, err
	}
	defines := make([]string, len(j.defines))
	for i, d := range j.defines {
		defines[i] = "-D" + d
	}
	if _, err := command(dir, "spin", append(append([]string{"-a"}, defines...), "protocol.pml")...); err != nil {
		return r, err
	}
	flags := []string{"-w", "-DCOLLAPSE", "-DVECTORSZ=2048", "-DMEMLIM=" + strconv.Itoa(memory), "-o", "pan", "pan.c"}
	search := []string{"-m" + strconv.Itoa(depth)}
	switch {
	case j.cycles:
		flags, search = append(flags, "-DNP"), append(search, "-l")
	case j.shortest:
		flags = append(flags, "-DSAFETY", "-DBFS")
	default:
		flags = append(flags, "-DSAFETY")
	}
	if !j.short {
		flags = append(flags, "-O2")
	}
	if _, err := command(dir, "gcc", flags...); err != nil {
		return r, err
	}
	began := time.Now()
	out, err := command(dir, "./pan", search...)
	r.seconds = time.Since(began).Seconds()
	if err != nil && !bytes.Contains(out, []byte("errors:")) {
		return r, err
	}
	refuted, err := r.read(string(out))
	if err != nil || !refuted {
		return r, err
	}
	// The model has no progress states: any cycle is one without progress.
	if r.refuted = "a run that never ends"; j.cycles {
		return r, nil
	}
	trail, err := command(dir, "spin", append(append([]string{"-t"}, defines...), "protocol.pml")...)
	r.tell(string(trail))
	return r, err
}

var (
	errorsRE = regexp.MustCompile(`depth reached (\d+), errors: (\d+)`)
	statesRE = regexp.MustCompile(`(?m)^\s*([0-9.e+]+) states, stored`)
	memoryRE = regexp.MustCompile(`(?m)^\s*([0-9.]+)\s+total actual memory usage`)
)

// read takes the figures from a report, and makes sure that nothing was left out.
func (r *result) read(out string) (refuted bool, err error) {
	found, states, used := errorsRE.FindStringSubmatch(out), statesRE.FindStringSubmatch(out), memoryRE.FindStringSubmatch(out)
	if found == nil || states == nil || used == nil {
		return false, fmt.Errorf("the search reports nothing that can be read:\n%s", out)
	}
	r.depth, _ = strconv.Atoi(found[1])
	n, _ := strconv.ParseFloat(states[1], 64)
	mib, _ := strconv.ParseFloat(used[1], 64)
	r.states, r.mebibytes = int(n), int(mib)
	if refuted = found[2] != "0"; refuted {
		return true, nil
	}
	for _, cut := range []string{"Search not completed", "search depth too small", "out of memory"} {
		if strings.Contains(out, cut) {
			return false, fmt.Errorf("the search was not exhaustive (%s):\n%s", cut, out)
		}
	}
	return false, nil
}

// tell reads the story of a trail: what the model prints.
func (r *result) tell(trail string) {
	r.refuted = "an assertion without a name"
	for line := range strings.Lines(trail) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "REFUTED "); ok {
			r.refuted = name
			break
		}
		if _, told, ok := strings.Cut(line, ": "); ok && teller.MatchString(line) && told != "" {
			r.story = append(r.story, line)
		}
	}
}

// teller is how the lines begin that the model prints: worker/partition, or who else acts.
var teller = regexp.MustCompile(`^([01]/[01]|group|time|late|facts|redis|clickhouse|ledger): `)

// command runs a program in a folder and returns what it printed.
func command(dir, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("%s %s: %w:\n%s", name, strings.Join(args, " "), err, out)
	}
	return out, nil
}
