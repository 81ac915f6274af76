// Package money does exact arithmetic on amounts: int64 minor units of an ISO
// 4217 currency, converted at dated rates and split without losing a unit.
//
// It is pure: it knows the configuration's rates as values and nothing of
// events, rules or storage. No amount passes through a float. Products are
// computed in more than 64 bits, and what does not fit in an int64 afterwards
// is [ErrOverflow], never a wrapped number.
package money
