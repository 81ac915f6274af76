//go:build !linux || external

package engine

import "fmt"

// runLibchdb is left out of builds that work on external engines only: without
// it the binary is static and runs in an empty container image.
func runLibchdb(string, []string) error {
	return fmt.Errorf("%w: this build holds no embedded ClickHouse; %s", ErrUnavailable, installClickHouse)
}

const embedsClickHouse = false
