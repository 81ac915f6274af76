// Package click holds the rules about clicks (§3): who acted, what is a bot, and
// which verdict follows. They are pure: what was clicked before and whether
// anybody is banned is told to them.
package click
