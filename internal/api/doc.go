// Package api answers other systems over HTTP: how far a member is in a program
// of an org, to whoever has a token of that org.
//
// A [Handler] knows tokens, paths and bounds; what it tells comes from package
// progress, and what that is made of from a port. It must not know ClickHouse,
// Kafka or where settings come from, and reads nothing but what it is asked for.
package api
