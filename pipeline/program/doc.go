// Package program holds the compiled configuration: orgs, programs, versions and
// rules, as the stages of the pipeline read them.
//
// It holds values and the small functions that belong to them (which version is
// valid, whether an expression holds, how a text is filled in). It must not know
// how the values were read: that is package config.
package program
