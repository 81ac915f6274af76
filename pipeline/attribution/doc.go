// Package attribution decides which referrers get which credit of a conversion
// (contract §4, §9 (19)-(22), (39)).
//
// It is pure: a [Question] holds everything that the answer depends on, and
// [Decide] looks nowhere else. It knows the configuration's values and package
// money; it must not know where touches, members or bindings are kept.
package attribution
