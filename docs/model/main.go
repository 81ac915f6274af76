// Command model checks the protocol of docs/exactly-once.md: every configuration of
// protocol.pml must hold in all of its states, and every mutant, which drops one
// guard, must be refuted. README.md beside it says what that means.
//
// It needs spin and gcc.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
)

func main() {
	short := flag.Bool("short", false, "only the configurations that take a moment, and every mutant")
	only := flag.String("only", "", "only what has this name")
	flag.Parse()
	if err := run(os.Stdout, *short, *only); err != nil {
		fmt.Fprintln(os.Stderr, "model:", err)
		os.Exit(1)
	}
}

// run checks configurations, then mutants, each on every core at once.
func run(out io.Writer, short bool, only string) error {
	for _, tool := range []string{"spin", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is missing: install the packages spin, gcc and libc6-dev (Debian has them): %w", tool, err)
		}
	}
	fmt.Fprintf(out, "Spin on %s\n\n", machine())
	fmt.Fprintln(out, "| configuration | states | depth | seconds | memory |\n|---|---|---|---|---|")
	var jobs []job
	for _, c := range configurations {
		if (c.short || !short) && (only == "" || only == c.name) {
			jobs = append(jobs, job{name: c.name, defines: c.defines, cycles: c.cycles, short: short})
		}
	}
	failed := check(jobs, func(j job, r result) error {
		fmt.Fprintf(out, "| %s | %d | %d | %.1f | %d MiB |\n", j.name, r.states, r.depth, r.seconds, r.mebibytes)
		if r.refuted != "" {
			return fmt.Errorf("configuration %s does not hold: %s\n%s", j.name, r.refuted, strings.Join(r.story, "\n"))
		}
		return nil
	})
	jobs = nil
	of := make(map[string]mutant)
	for _, m := range mutants {
		if only == "" || only == m.name {
			of[m.name] = m
			jobs = append(jobs, job{name: m.name, defines: m.define(), shortest: true, short: true})
		}
	}
	failed = errors.Join(failed, check(jobs, func(j job, r result) error {
		m := of[j.name]
		fmt.Fprintf(out, "\n%s: without %s (%s)\n", m.name, m.drops, m.file)
		if r.refuted != m.refuted {
			return fmt.Errorf("mutant %s: refuted by %q, not by %q, after %d states\n%s", m.name, r.refuted, m.refuted, r.states, strings.Join(r.story, "\n"))
		}
		if m.refuted == "" {
			fmt.Fprintf(out, "    holds all the same, in all of %d states\n", r.states)
			return nil
		}
		fmt.Fprintf(out, "    %s\n    refuted: %s\n", strings.Join(r.story, "\n    "), r.refuted)
		return nil
	}))
	if failed == nil {
		fmt.Fprintf(out, "\nall configurations hold, and what each of %d mutants does is as it should be\n", len(jobs))
	}
	return failed
}

// check runs jobs on all cores and tells of each in their order.
func check(jobs []job, tell func(job, result) error) error {
	type answer struct {
		result result
		err    error
	}
	answers := make([]chan answer, len(jobs))
	for i := range answers {
		answers[i] = make(chan answer, 1)
	}
	cores := make(chan struct{}, runtime.NumCPU())
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		for i, j := range jobs {
			cores <- struct{}{}
			all.Go(func() {
				defer func() { <-cores }()
				r, err := j.run()
				answers[i] <- answer{r, err}
			})
		}
	})
	var failed error
	for i, j := range jobs {
		a := <-answers[i]
		if a.err == nil {
			a.err = tell(j, a.result)
		} else {
			a.err = fmt.Errorf("%s: %w", j.name, a.err)
		}
		failed = errors.Join(failed, a.err)
	}
	return failed
}

// machine names what the figures are of.
func machine() string {
	model := "an unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores", model, runtime.NumCPU())
}
