package click

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed crawlers.txt
var crawlerList string

// crawlers is the built-in list, compiled when it is first asked for.
var crawlers = sync.OnceValue(func() *patterns {
	p := &patterns{byStart: map[[4]byte][]int{}}
	for line := range strings.Lines(crawlerList) {
		line = strings.TrimSuffix(line, "\n")
		if line != "" && line[0] != '#' {
			p.add(line)
		}
	}
	return p
})

// patterns finds the first of many literal texts in a text, in one pass: four
// bytes at every place decide which texts could begin there.
type patterns struct {
	texts    []string
	names    []string
	anchored []bool
	byStart  map[[4]byte][]int
	// maybe has a bit for the hash of each beginning: nearly every place is
	// passed over without looking further.
	maybe [1 << 10]uint64
}

// add takes a text; a leading ^ anchors it. Texts of under four bytes are too
// short to tell anything, and are left out.
func (p *patterns) add(line string) {
	text, anchored := strings.CutPrefix(line, "^")
	if len(text) < 4 {
		return
	}
	start := [4]byte([]byte(text[:4]))
	p.byStart[start] = append(p.byStart[start], len(p.texts))
	h := startHash(start)
	p.maybe[h>>6] |= 1 << (h & 63)
	p.texts = append(p.texts, text)
	p.names = append(p.names, strings.Trim(text, " /;"))
	p.anchored = append(p.anchored, anchored)
}

func startHash(b [4]byte) uint32 {
	w := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
	return w * 0x9e3779b1 >> 16
}

// find names the first listed text that the text has.
func (p *patterns) find(text string) (name string) {
	first := len(p.texts)
	for i := 0; i+4 <= len(text); i++ {
		start := [4]byte{text[i], text[i+1], text[i+2], text[i+3]}
		h := startHash(start)
		if p.maybe[h>>6]>>(h&63)&1 == 0 {
			continue
		}
		for _, k := range p.byStart[start] {
			if k < first && (i == 0 || !p.anchored[k]) && strings.HasPrefix(text[i:], p.texts[k]) {
				first = k
			}
		}
	}
	if first == len(p.texts) {
		return ""
	}
	return p.names[first]
}
