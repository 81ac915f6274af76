//go:build !linux

package e2e

import "syscall"

func ownLifetime() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
