// Package member holds what is known of members over time (§9 (10), (11), (38)):
// each member's history of updates, and from the histories of all who ever
// listed a code, who held it when.
//
// Everything follows from the updates alone, whatever order they came in: two
// workers that know the same updates give the same answers. The package is pure;
// it knows values of package event, and neither Redis nor Kafka.
package member
