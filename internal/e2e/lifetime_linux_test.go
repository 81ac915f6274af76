package e2e

import "syscall"

// ownLifetime has the kernel kill a worker when the test process dies.
func ownLifetime() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
