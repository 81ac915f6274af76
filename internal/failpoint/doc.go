// Package failpoint kills the process between any two effects of a batch, so that
// tests can see what a successor makes of it. Around the ports of a loop it puts
// points that are named by topic, effect and moment, as
//
//	clicks/bound/before
//	credits by the clock/journal/after
//	conversions/publish credits/middle
//
// Only a program that is built with the tag failpoints has them. In any other
// [On] is a constant false, nothing is put around anything, and the linker drops
// the rest of this package.
//
// It knows the ports of the pipeline, and no rule, no SQL and no flag.
package failpoint
