// Package strict reads YAML into Go values and finds every fault on the way.
//
// A file is parsed once into a tree of nodes that know where they stand. Trees
// can be merged (a template under a version, the environment over a file) and
// are then decoded into structs: an unknown key, a wrong type, a missing or
// impossible value is a Problem with file, line and column, and decoding goes
// on, so that one run names all of them.
//
// The package knows YAML and Go's reflection. It must not know what the keys
// mean: that is the business of package config.
package strict
