package engine

import (
	"fmt"
	"os"
	"sync/atomic"
)

// ChildCommand is the hidden first argument with which this binary runs itself
// as the embedded ClickHouse.
const ChildCommand = "__clickhouse"

var childIsDispatched atomic.Bool

// MaybeRunChild turns this process into the embedded ClickHouse, and never
// returns, if it was started as one; otherwise it returns at once. It must be
// the first thing in main and in every TestMain whose program calls
// [StartClickHouse].
func MaybeRunChild() {
	childIsDispatched.Store(true)
	if len(os.Args) > 1 && os.Args[1] == ChildCommand {
		os.Exit(RunChild(os.Args[2:]))
	}
}

// RunChild runs libchdb as `clickhouse local` in this process until its standard
// input ends, and returns the exit code. The first argument is the path of
// libchdb.so, the rest are the arguments of `clickhouse local`.
func RunChild(args []string) int {
	if len(args) < 1 {
		fmt.Fprintf(os.Stderr, "%s needs the path of %s\n", ChildCommand, libchdbFile)
		return 2
	}
	if err := runLibchdb(args[0], args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
