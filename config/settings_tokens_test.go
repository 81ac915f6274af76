package config

import (
	"fmt"
	"strings"
	"testing"
)

const (
	acmeToken   = "acme-0123456789abcdef"
	olderToken  = "older-0123456789abcdef=="
	globexToken = "globex/0123456789.abcdef"
)

func TestLoadSettings_reads_tokens_by_org(t *testing.T) {
	file := settingsFile(t, "\n"+olderToken+"\r\n"+acmeToken+"\n")
	for name, c := range map[string]struct {
		yaml    string
		environ []string
		want    map[string][]string
	}{
		"none": {want: map[string][]string{}},
		"file": {
			yaml: "http: {tokens: {acme: [" + acmeToken + ", " + olderToken + "], globex: [" + globexToken + "]}}",
			want: map[string][]string{"acme": {acmeToken, olderToken}, "globex": {globexToken}},
		},
		"environment": {
			environ: []string{"GRAPEVINE_HTTP_TOKENS=acme=" + acmeToken + ", globex=" + globexToken + ",acme=" + olderToken},
			want:    map[string][]string{"acme": {acmeToken, olderToken}, "globex": {globexToken}},
		},
		"files of tokens": {
			yaml:    "http: {tokens: {globex: [" + globexToken + "]}}",
			environ: []string{"GRAPEVINE_HTTP_TOKEN_FILES=acme=" + file},
			want:    map[string][]string{"acme": {olderToken, acmeToken}, "globex": {globexToken}},
		},
		"the environment goes before the file": {
			yaml: "http: {tokens: {globex: [" + globexToken + "]}}", environ: []string{"GRAPEVINE_HTTP_TOKENS=acme=" + acmeToken},
			want: map[string][]string{"acme": {acmeToken}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := LoadSettings(settingsFile(t, c.yaml), c.environ)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string][]string{}
			for org, list := range s.HTTP.Tokens {
				for _, token := range list {
					got[org] = append(got[org], token.Reveal())
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestLoadSettings_refuses_tokens_without_repeating_them(t *testing.T) {
	for name, c := range map[string]struct{ yaml, environ, want string }{
		"a text for the map":      {"http: {tokens: s3cret-token-of-16}", "", ":1:16: http.tokens: must be a map, not a text"},
		"a text for the list":     {"http: {tokens: {acme: s3cret-token-of-16}}", "", ":1:23: http.tokens.acme: must be a list, not a text"},
		"digits for the list":     {"http: {tokens: {acme: 3141592653589793}}", "", "http.tokens.acme: must be a list, not a whole number"},
		"no pairs":                {"", "s3cret-token-of-16", "environment variable GRAPEVINE_HTTP_TOKENS: http.tokens: must be key=value, separated by commas"},
		"a token for the key":     {"", "s3cret-token-of-16==", "http.tokens: a token has only 1 of the 16 characters that it takes"},
		"too short":               {"http: {tokens: {acme: [s3cret]}}", "", ":1:16: http.tokens: a token has only 6 of the 16 characters that it takes"},
		"too long":                {"http: {tokens: {acme: [" + strings.Repeat("s3cret", 100) + "]}}", "", "a token has 600 characters, 512 are allowed"},
		"a space":                 {"http: {tokens: {acme: [s3cret token of 16]}}", "", "characters other than letters"},
		"two orgs with one token": {"http: {tokens: {acme: [s3cret-token-of-16], globex: [s3cret-token-of-16]}}", "", "two orgs have the same token"},
		"no such file":            {"http: {token_files: {acme: [/none]}}", "", "http.token_files: cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := LoadSettings(settingsFile(t, c.yaml), []string{"GRAPEVINE_HTTP_TOKENS=" + c.environ})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			for _, secret := range []string{"s3cret", "3141592"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the token is told: %v", err)
				}
			}
		})
	}
}
