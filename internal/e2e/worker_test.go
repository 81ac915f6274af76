package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// worker is one process of the program.
type worker struct {
	t     testing.TB
	name  string
	cmd   *exec.Cmd
	log   string // the file of what it says
	ended chan struct{}
}

// launch runs the program with settings of the world.
func (w *world) launch(arguments ...string) *worker {
	w.t.Helper()
	program, err := w.program()
	if err != nil {
		w.t.Fatal(err)
	}
	w.launched++
	p := &worker{t: w.t, name: fmt.Sprintf("%sworker %d", w.prefix, w.launched), ended: make(chan struct{})}
	p.log = filepath.Join(w.folder, fmt.Sprintf("worker-%d.log", w.launched))
	output, err := os.Create(p.log)
	if err != nil {
		w.t.Fatal(err)
	}
	defer output.Close() //nolint:errcheck // the child has its own
	p.cmd = exec.Command(program, arguments...)
	p.cmd.Env, p.cmd.Dir = w.environment(), w.folder
	p.cmd.Stdout, p.cmd.Stderr = output, output
	p.cmd.SysProcAttr = ownLifetime()
	started := make(chan error)
	go func() {
		// The kernel kills a child with the thread that made it: so this one waits for it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.ended)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // how it ended stands in ProcessState
		}
	}()
	if err := <-started; err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(p.tell)
	w.t.Cleanup(p.kill)
	return p
}

// signal sends one to the process, which may have ended.
func (p *worker) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill is a crash: nothing of the process survives.
func (p *worker) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// exit waits for the end of the process and returns its exit code.
func (p *worker) exit(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		p.signal(syscall.SIGQUIT) // tells where it hangs
		select {
		case <-p.ended:
		case <-time.After(5 * time.Second):
		}
		p.t.Fatalf("%s did not end within %s", p.name, within)
		return -1
	}
}

// stop asks the process to end, as an operator does.
func (p *worker) stop(within time.Duration) int {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	return p.exit(within)
}

// running tells whether the process has not ended.
func (p *worker) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// said is everything that the process wrote so far.
func (p *worker) said() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// tell shows the end of the log of a failed test.
func (p *worker) tell() {
	if !p.t.Failed() {
		return
	}
	text, hung, _ := strings.Cut(strings.TrimSpace(p.said()), "SIGQUIT: quit")
	lines := strings.Split(text, "\n")
	p.t.Logf("%s ended with %v and said last:\n%s", p.name, p.cmd.ProcessState, strings.Join(lines[max(0, len(lines)-60):], "\n"))
	if hung != "" {
		lines = strings.Split(hung, "\n")
		p.t.Logf("where it hung:\n%s", strings.Join(lines[:min(len(lines), 1500)], "\n"))
	}
}
