// Package access lets people see the books, and no more of them than the programs'
// `access` says: it makes users of ClickHouse, with grants, row policies and limits,
// as SQL for a server that keeps users, or as a users file for one that reads them
// from there.
//
// What it makes follows from values alone: [People], a table of who may see what
// ([Audiences]), and what is there already. Whatever nobody decided on is denied: a
// table without an audience is not granted, and a table function or system table that
// is not known to be harmless shows nothing.
//
// It knows ClickHouse and the compiled programs. It must not know settings or Kafka.
package access
