package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Whatever path, query and token somebody sends: the answer is JSON with a status
// that is documented, and nobody but who has the org's token makes the books asked.
func FuzzMember(f *testing.F) {
	for _, seed := range [][3]string{
		{ann, "", acme}, {ann, "at=2026-01-01T00:00:00Z", acme}, {ann, "at=yesterday&at=2", acme}, {"/v1/orgs/acme/programs/shop/members/%ff", "", acme},
		{"/v1/orgs/../../etc/passwd", "%zz", "x"}, {"/v1//orgs/acme/programs/shop/members/a%2Fb", ";", globex}, {"/v1/orgs/acme/programs/shop/members/" + strings.Repeat("x", 5000), "", acme},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, path, query, token string) {
		unescaped, err := url.PathUnescape(path)
		if err != nil || !strings.HasPrefix(path, "/") {
			return // no client can send it
		}
		d := newDesk(nil)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL = &url.URL{Path: unescaped, RawPath: path, RawQuery: query}
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		switch w.Code {
		case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect: // a path that is not clean
			return
		case http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound:
		default:
			t.Fatalf("status %d for %q?%q", w.Code, path, query)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("status %d with what is not JSON: %q", w.Code, w.Body)
		}
		for _, q := range d.books.asked {
			if owner := map[string]string{acme: "acme", acmeOld: "acme", globex: "globex"}[token]; q.OrgID != owner {
				t.Errorf("token %q made the books asked about org %q", token, q.OrgID)
			}
		}
	})
}
