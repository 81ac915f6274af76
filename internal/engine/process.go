package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// process is a child that dies with its parent.
type process struct {
	engine  string
	cmd     *exec.Cmd
	stdin   io.Closer
	logFile string
	logFrom int64         // where in the log this run begins
	failed  string        // as processSpec.failed
	ended   chan struct{} // closed when the child is gone; err is set before
	err     error
}

// processSpec says what to run.
type processSpec struct {
	engine  string // for errors
	path    string
	args    []string // args[0] is the name that the process shows
	env     []string // added to the environment
	dir     string   // working directory
	logFile string   // takes stdout and stderr, appended

	terminal bool   // its standard input is a terminal of its own, and not a pipe
	failed   string // what it logs when its start has failed though it lives on; may be empty
}

// startProcess starts a child that the kernel kills when this process dies,
// whichever way. The kernel ties that to the thread that forked, so a thread of its
// own forks the child and stays until it is gone. The child gets a process group
// of its own: a Ctrl-C in the terminal is for the parent to handle, which then
// stops its engines in order.
func startProcess(spec processSpec) (*process, error) {
	output, err := os.OpenFile(spec.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", spec.engine, err)
	}
	defer output.Close() //nolint:errcheck // the child has its own handle
	before, err := output.Stat()
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", spec.engine, err)
	}
	cmd := &exec.Cmd{
		Path: spec.path, Args: spec.args, Dir: spec.dir,
		Env:    append(os.Environ(), spec.env...),
		Stdout: output, Stderr: output,
		SysProcAttr: diesWithParent(),
	}
	stdin, err := openStdin(cmd, spec.terminal)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.engine, err)
	}
	p := &process{
		engine: spec.engine, cmd: cmd, stdin: stdin, logFile: spec.logFile, logFrom: before.Size(),
		failed: spec.failed, ended: make(chan struct{}),
	}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		defer close(p.ended)
		defer stdin.Close() //nolint:errcheck // nobody reads it any more
		err := cmd.Start()
		closeTerminal(cmd)
		if err != nil {
			started <- err
			return
		}
		started <- nil
		p.err = cmd.Wait()
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.engine, err)
	}
	return p, nil
}

// openStdin gives the child a standard input that ends when what is returned is
// closed, or this process is gone. Where the system gives no terminal, it is a pipe.
func openStdin(cmd *exec.Cmd, terminal bool) (io.Closer, error) {
	if terminal {
		if ours, childs, err := pty.Open(); err == nil {
			cmd.Stdin = childs
			return ours, nil
		}
	}
	return cmd.StdinPipe()
}

// closeTerminal closes this process's handle of the child's end of its standard
// input: the child has its own by now.
func closeTerminal(cmd *exec.Cmd) {
	if childs, ok := cmd.Stdin.(*os.File); ok {
		childs.Close() //nolint:errcheck // nothing was written to it, and that of a pipe is closed already
	}
}

// awaitReady asks answers until it answers, the child is gone, or ctx ends. On
// failure the child is killed.
func (p *process) awaitReady(ctx context.Context, answers func(context.Context) error) error {
	err := awaitAnswer(ctx, p.ended, func(ctx context.Context) error {
		err := answers(ctx)
		if err != nil && p.failed != "" && strings.Contains(p.logTail(), p.failed) {
			return errFailed
		}
		return err
	})
	if err == nil {
		return nil
	}
	p.kill()
	text := p.logTail()
	if (errors.Is(err, errEnded) || errors.Is(err, errFailed)) && strings.Contains(text, "ddress already in use") {
		err = fmt.Errorf("%w: %w", err, syscall.EADDRINUSE)
	}
	return fmt.Errorf("start %s: %w; the end of its log, %s:\n%s", p.engine, err, p.logFile, text)
}

// errEnded is why an engine that ended while it was starting is not ready.
var errEnded = errors.New("it ended while it was starting")

// errFailed is why an engine that lives on will never be ready.
var errFailed = errors.New("it failed while it was starting")

// awaitAnswer asks until there is an answer, ended is closed, or ctx is done. It
// does not ask again after errFailed.
func awaitAnswer(ctx context.Context, ended <-chan struct{}, answers func(context.Context) error) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := answers(attempt)
		cancel()
		if err == nil || errors.Is(err, errFailed) {
			return err
		}
		select {
		case <-ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w (last: %w)", ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop asks the child to end, and kills it when ctx is done first.
func (p *process) stop(ctx context.Context, ask func() error) error {
	select {
	case <-p.ended: // it is gone already
		return nil
	default:
	}
	if err := ask(); err != nil && !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, os.ErrClosed) {
		p.kill()
		return fmt.Errorf("ask %s to stop: %w", p.engine, err)
	}
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		p.kill()
		return fmt.Errorf("stop %s: it did not end and was killed: %w", p.engine, ctx.Err())
	}
}

// endedEarly tells that the child ended though nobody stopped it.
func (p *process) endedEarly() error {
	return fmt.Errorf("%s ended by itself (%v); the end of its log, %s:\n%s", p.engine, p.err, p.logFile, p.logTail()) //nolint:errorlint // nil when it ended with 0
}

func (p *process) kill() {
	p.cmd.Process.Kill() //nolint:errcheck // fails only when it is gone, which is awaited next
	<-p.ended
}

// pid is the child's process id.
func (p *process) pid() int { return p.cmd.Process.Pid }

// ansi are the control sequences with which a program steers a terminal.
var ansi = regexp.MustCompile(`\x1b\[[?0-9;]*[A-Za-z]|\r`)

// logTail is the end of what this run has logged, without control sequences, and
// without ClickHouse's stack frames, which would push the reason out of it.
func (p *process) logTail() string {
	text, err := os.ReadFile(p.logFile)
	if err != nil || int64(len(text)) <= p.logFrom {
		return "(empty)"
	}
	var told strings.Builder
	for line := range strings.Lines(string(text[p.logFrom:])) {
		if !strings.Contains(line, ". ? @ 0x") {
			told.WriteString(line)
		}
	}
	return lastLines(ansi.ReplaceAllString(told.String(), ""), 10)
}
