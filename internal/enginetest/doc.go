// Package enginetest gives tests real engines, and each test a place of its own
// on them.
//
// A test package that uses it has one TestMain, which calls [Main]. The first
// test that asks for an engine starts it; all tests of the process share it, and
// it ends with the process, however that ends. Nothing listens on a fixed port.
//
// It may know internal/engine. It must not know Grapevine's schema, keys or topics.
package enginetest
