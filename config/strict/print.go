package strict

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line is one line of YAML and the values that stand in it.
type Line struct {
	Text   string
	Values []*Node
}

// printWidth is how far a map or list is written in one line.
const printWidth = 96

// Print writes a tree as YAML that [Parse] reads again. A map or list stands in
// one line where it fits and all that is in it is together.
func Print(root *Node, together func(a, b *Node) bool) []Line {
	p := printer{together: together}
	p.block(root, "", "")
	return p.lines
}

type printer struct {
	together func(a, b *Node) bool
	lines    []Line
}

func (p *printer) add(text string, values ...*Node) {
	p.lines = append(p.lines, Line{text, values})
}

// block writes a map or list over several lines; first stands before its first
// line instead of the indent, as "- " does.
func (p *printer) block(n *Node, indent, first string) {
	if first == "" {
		first = indent
	}
	for i := range n.Pairs {
		p.under(first+scalar(n.Pairs[i].Key)+":", n.Pairs[i].Value, indent+"  ")
		first = indent
	}
	for _, item := range n.Items {
		if text, values, fits := p.flow(item, len(indent)+2); fits {
			p.add(first+"- "+text, values...)
		} else {
			p.block(item, indent+"  ", first+"- ")
		}
		first = indent
	}
}

func (p *printer) under(key string, value *Node, indent string) {
	if text, values, fits := p.flow(value, len(key)+1); fits {
		p.add(key+" "+text, values...)
		return
	}
	p.add(key)
	p.block(value, indent, "")
}

// flow writes a value in one line, where that can be; of one that does not fit
// it writes only the beginning.
func (p *printer) flow(n *Node, from int) (text string, values []*Node, fits bool) {
	var out strings.Builder
	values = p.inline(&out, n, nil)
	if n.Kind < List || len(n.Items)+len(n.Pairs) == 0 {
		return out.String(), values, true
	}
	apart := slices.ContainsFunc(values, func(v *Node) bool { return !p.together(values[0], v) })
	return out.String(), values, !apart && from+out.Len() <= printWidth
}

func (p *printer) inline(out *strings.Builder, n *Node, values []*Node) []*Node {
	switch {
	case n.Kind == List:
		out.WriteByte('[')
		for i, item := range n.Items {
			if out.Len() > printWidth {
				break
			}
			if i > 0 {
				out.WriteString(", ")
			}
			values = p.inline(out, item, values)
		}
		out.WriteByte(']')
	case n.Kind == Map:
		out.WriteByte('{')
		for i := range n.Pairs {
			if out.Len() > printWidth {
				break
			}
			if i > 0 {
				out.WriteString(", ")
			}
			out.WriteString(scalar(n.Pairs[i].Key) + ": ")
			values = p.inline(out, n.Pairs[i].Value, values)
		}
		out.WriteByte('}')
	case n.Kind == String:
		out.WriteString(scalar(n.Text))
	default:
		out.WriteString(n.Text)
	}
	if len(n.Items)+len(n.Pairs) == 0 {
		values = append(values, n)
	}
	return values
}

var (
	// plainWords are texts that need no quotes anywhere, and are no number.
	plainWords = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./+-]*( [A-Za-z0-9_./+-]+)*$`)
	plainSpan  = regexp.MustCompile(`^([0-9]+(h|m|s|ms))+$`)
	plainTime  = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$`)
	// resolved are words that YAML 1.1 or 1.2 would read as something else.
	resolved = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
)

// scalar writes a text, with the quotes that it needs.
func scalar(text string) string {
	switch {
	case plainTime.MatchString(text), plainSpan.MatchString(text):
		return text
	case plainWords.MatchString(text) && !slices.Contains(resolved, strings.ToLower(text)):
		return text
	case strings.ContainsAny(text, `"\\`) && !strings.ContainsFunc(text, notPrinted):
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	default:
		return quoted(text)
	}
}

func notPrinted(r rune) bool { return !unicode.IsPrint(r) }

// quoted is a text between double quotes, as YAML escapes.
func quoted(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out.WriteString(`\` + string(r))
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\t':
			out.WriteString(`\t`)
		case unicode.IsPrint(r) && r != utf8.RuneError:
			out.WriteRune(r)
		default:
			hex := strconv.FormatInt(int64(r), 16)
			out.WriteString(`\U` + strings.Repeat("0", 8-len(hex)) + hex)
		}
	}
	out.WriteByte('"')
	return out.String()
}
