package engine

import "syscall"

// diesWithParent has the kernel kill the child when the thread that forked it
// ends, and puts the child into a process group of its own.
func diesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
