package config

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Bounds of a bearer token: so long that nobody finds it by trying, and of the
// characters that RFC 6750 allows in a header.
const (
	minTokenLength = 16
	maxTokenLength = 512
)

var tokenText = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// check reads the files of tokens and looks at every token. No problem repeats
// one, nor the key that it stands under: who mistypes the variable may have
// written a token there.
func (h *HTTP) check(problems *Problems) {
	c := section{problems, "http", h.At}
	tokens := make(map[string][]Secret, len(h.Tokens)+len(h.TokenFiles))
	owner := make(map[string]string)
	take := func(key, org string, list []Secret) {
		for _, token := range list {
			if err := checkToken(token); err != nil {
				c.add(key, "%v", err)
			} else if other, twice := owner[token.Reveal()]; twice && other != org {
				c.add(key, "two orgs have the same token; each needs its own")
			}
			owner[token.Reveal()] = org
		}
		tokens[org] = append(tokens[org], list...)
	}
	for _, org := range slices.Sorted(maps.Keys(h.Tokens)) {
		take("tokens", org, h.Tokens[org])
	}
	for _, org := range slices.Sorted(maps.Keys(h.TokenFiles)) {
		for _, file := range h.TokenFiles[org] {
			list, err := readTokens(file)
			if err != nil {
				c.add("token_files", "%v", err)
			}
			take("token_files", org, list)
		}
	}
	h.Tokens = tokens
}

func checkToken(token Secret) error {
	text := token.Reveal()
	switch {
	case len(text) < minTokenLength:
		return fmt.Errorf("a token has only %d of the %d characters that it takes", len(text), minTokenLength)
	case len(text) > maxTokenLength:
		return fmt.Errorf("a token has %d characters, %d are allowed", len(text), maxTokenLength)
	case !tokenText.MatchString(text):
		return fmt.Errorf("a token has characters other than letters, digits and -._~+/, with = at its end alone")
	}
	return nil
}

// readTokens reads the tokens of a file, one a line.
func readTokens(file string) ([]Secret, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	var list []Secret
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, NewSecret(line))
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("is an empty file: %s", file)
	}
	return list, nil
}
