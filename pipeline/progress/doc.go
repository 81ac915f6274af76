// Package progress tells members how far they are in a program: what they have
// reached of each tiers rule in its present period, what comes next and what is
// missing, and how their rewards stand.
//
// It is pure: [Ask] says what has to be read of a member's books, [Asked.Tell]
// makes the answer of it. Both know the compiled program, the rules of package
// reward and values; they must not know where credits and rewards are kept, who
// asks, or what time it is.
package progress
