//go:build unix && !linux

package engine

import "syscall"

// diesWithParent puts the child into a process group of its own. Only Linux can
// tie its life to the parent's; elsewhere a parent that is killed leaves those
// engines behind that do not watch their standard input.
func diesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
