//go:build linux && !external

package engine

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// runLibchdb loads the library and hands it the arguments of `clickhouse local`.
// The call blocks until the last query ends.
func runLibchdb(library string, args []string) error {
	handle, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return fmt.Errorf("load %s: %w", library, err)
	}
	var query func(argc int32, argv unsafe.Pointer) uintptr
	var queryError func(result uintptr) string
	purego.RegisterLibFunc(&query, handle, "chdb_query_cmdline")
	purego.RegisterLibFunc(&queryError, handle, "chdb_result_error")
	argv := cStrings(append([]string{"clickhouse"}, args...))
	result := query(int32(len(argv)-1), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	if result == 0 {
		return fmt.Errorf("clickhouse gave no result")
	}
	if text := queryError(result); text != "" {
		return fmt.Errorf("clickhouse: %s", text)
	}
	return nil
}

// cStrings lays arguments out as C's argv: zero-terminated, with a null at the end.
func cStrings(args []string) []*byte {
	argv := make([]*byte, len(args)+1)
	for i, arg := range args {
		argv[i] = unsafe.SliceData(append([]byte(arg), 0))
	}
	return argv
}

const embedsClickHouse = true
