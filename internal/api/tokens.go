package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// Tokens are the bearer tokens of orgs. Only their hashes are kept.
type Tokens struct {
	orgs   []string
	hashes [][sha256.Size]byte
}

// NewTokens takes the tokens of each org.
func NewTokens(byOrg map[string][]string) *Tokens {
	t := &Tokens{}
	for org, tokens := range byOrg {
		for _, token := range tokens {
			t.orgs = append(t.orgs, org)
			t.hashes = append(t.hashes, sha256.Sum256([]byte(token)))
		}
	}
	return t
}

// None tells whether no org has a token.
func (t *Tokens) None() bool { return len(t.orgs) == 0 }

// Org is whose token a request bears; ok is false when it bears none that is
// known. How long that takes depends on the number of tokens alone: each is
// compared whole, as a hash, wherever the one that matches stands.
func (t *Tokens) Org(r *http.Request) (org string, ok bool) {
	hash := sha256.Sum256([]byte(bearer(r)))
	at := -1
	for i := range t.hashes {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], t.hashes[i][:]), i, at)
	}
	if at < 0 {
		return "", false
	}
	return t.orgs[at], true
}

// bearer is the token of a request; empty when there is none, or more than one
// header that could mean one.
func bearer(r *http.Request) string {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
