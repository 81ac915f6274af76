// Package config reads what an operator writes: the settings of a worker
// (Settings, from a file and the environment) and the programs (a file or a
// folder of files, compiled into a program.Catalog).
//
// Reading is strict and complete: every fault is reported with file, line and
// column in one error, a *Problems, and a bad file is refused whole. A Watcher
// follows the files while a worker runs and keeps the last good catalog.
//
// The package knows the values of pipeline/program, which it makes, and the
// currencies of pipeline/money. It must not know Kafka, Redis, ClickHouse or
// how a rule is carried out.
package config

import "github.com/grapevinehq/grapevine/config/strict"

// Problems are all faults of a configuration, as one error: a line for each,
// with file:line:column.
type Problems = strict.Problems

// Problem is one fault.
type Problem = strict.Problem
