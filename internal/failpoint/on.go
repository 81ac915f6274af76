//go:build failpoints && unix

package failpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// On tells whether this program was built with fail points.
const On = true

// Folder is the variable that names a folder. Its file `passed` takes the name of
// every point that is passed. Who writes a name into its file `armed` has the
// process that passes there next die of SIGKILL, or with [Asleep] after the name
// stop until it gets SIGCONT, and the file is gone then.
const Folder = "FAILPOINTS"

// asleepWithin is until a signal to stop has surely reached this thread: it may run on
// for a moment, and would carry out before its sleep what it shall do after.
const asleepWithin = 100 * time.Millisecond

// Asleep is put after the name of a point.
const Asleep = " asleep"

// hit passes a point, dies or falls asleep there, and tells when it slept.
func hit(name string) (slept bool) {
	folder := os.Getenv(Folder)
	if folder == "" {
		return false
	}
	path := filepath.Join(folder, "armed")
	armed, _ := os.ReadFile(path) // mostly there is none
	switch string(armed) {
	case name:
		if os.Remove(path) == nil { // else another goroutine was first
			kill(syscall.SIGKILL)
			select {} // until it takes effect
		}
	case name + Asleep:
		if os.Remove(path) == nil {
			kill(syscall.SIGSTOP)
			time.Sleep(asleepWithin)
			slept = true
		}
	}
	passed, err := os.OpenFile(filepath.Join(folder, "passed"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(fmt.Sprintf("pass %s: %v", name, err)) // the folder is the test's
	}
	defer passed.Close() //nolint:errcheck // one line, which the next would miss
	fmt.Fprintln(passed, name)
	return slept
}

// kill signals this process.
func kill(signal syscall.Signal) {
	if err := syscall.Kill(os.Getpid(), signal); err != nil {
		panic(fmt.Sprintf("signal %s to itself: %v", signal, err))
	}
}
