// Package quote puts names and texts into statements of ClickHouse that take no
// parameters, whatever they hold.
package quote

import "strings"

var (
	name = strings.NewReplacer(`\`, `\\`, "`", "\\`")
	text = strings.NewReplacer(`\`, `\\`, `'`, `\'`)
)

// Name is an identifier between backticks.
func Name(s string) string { return "`" + name.Replace(s) + "`" }

// Text is a literal of type String.
func Text(s string) string { return "'" + text.Replace(s) + "'" }
