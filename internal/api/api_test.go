package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/grapevinehq/grapevine/internal/api"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/progress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	acme, acmeOld, globex = "acme-0123456789abcdef", "acme-fedcba9876543210", "globex-0123456789abcdef"
	ann                   = "/v1/orgs/acme/programs/shop/members/ann"
)

// shops are two orgs with one program id in common, and one of acme alone.
func shops() *program.Catalog {
	shop := func(org, id string) *program.Program {
		return &program.Program{OrgID: org, ID: id, Name: org + " " + id, Versions: []*program.Version{{
			ValidFromRaw: "2020-01-01T00:00:00Z", ValidFrom: 1577836800000, Currency: "EUR", Locale: "en", Zone: time.UTC,
			Rules: []*program.Rule{{
				ID: "monthly", Type: program.Tiers, Metric: program.Conversions, Period: program.Month, Name: map[string]string{"en": "Tier {{tier}}"},
				Tiers: []program.Tier{
					{ID: "one", Threshold: 1, Rewards: []program.Reward{{ID: "pts", Type: "points", Quantity: 10, Unit: "points"}}},
					{ID: "two", Threshold: 2, RepeatEvery: 1, Rewards: []program.Reward{{ID: "cash", Type: "cash", AmountMinor: 500}}},
				},
			}},
		}}}
	}
	return &program.Catalog{Orgs: map[string]*program.Org{
		"acme":   {ID: "acme", Programs: map[string]*program.Program{"shop": shop("acme", "shop"), "own": shop("acme", "own")}},
		"globex": {ID: "globex", Programs: map[string]*program.Program{"shop": shop("globex", "shop")}},
	}}
}

// books remember who was asked about, and answer what they are told to.
type books struct {
	asked  []progress.Question
	answer progress.Answer
	err    error
	wait   func(ctx context.Context)
}

func (b *books) Progress(ctx context.Context, q *progress.Question) (progress.Answer, error) {
	if b.wait != nil {
		b.wait(ctx)
		return b.answer, ctx.Err()
	}
	b.asked = append(b.asked, *q)
	return b.answer, b.err
}

// desk is a handler with its books and log.
type desk struct {
	*api.Handler
	books *books
	log   *bytes.Buffer
}

func newDesk(change func(*api.Options)) *desk {
	d := &desk{books: &books{}, log: &bytes.Buffer{}}
	o := api.Options{
		Tokens:  api.NewTokens(map[string][]string{"acme": {acmeOld, acme}, "globex": {globex}}),
		Queries: 2, Timeout: 5 * time.Second, Log: slog.New(slog.NewTextHandler(d.log, nil)),
		Now: func() time.Time { return time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC) },
	}
	if change != nil {
		change(&o)
	}
	d.Handler = api.New(o)
	d.Open(api.Source{Programs: shops, Books: d.books})
	return d
}

// ask sends a request with a token, if there is one.
func (d *desk) ask(method, target, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

func TestMember_status_by_token_and_path(t *testing.T) {
	long := strings.Repeat("x", event.MaxIDBytes)
	for name, c := range map[string]struct {
		method, target, token string
		status                int
	}{
		"a token of the org":                {"GET", ann, acme, 200},
		"another token of the org":          {"GET", ann, acmeOld, 200},
		"of its other program":              {"GET", "/v1/orgs/acme/programs/own/members/ann", acme, 200},
		"HEAD":                              {"HEAD", ann, acme, 200},
		"no token":                          {"GET", ann, "", 401},
		"an unknown token":                  {"GET", ann, acme + "x", 401},
		"a part of a token":                 {"GET", ann, acme[:len(acme)-1], 401},
		"no token, of nobody":               {"GET", "/v1/orgs/nobody/programs/shop/members/ann", "", 401},
		"no token, of another program":      {"GET", "/v1/orgs/acme/programs/none/members/ann", "", 401},
		"a token of another org":            {"GET", ann, globex, 404},
		"of an org that does not exist":     {"GET", "/v1/orgs/nobody/programs/shop/members/ann", acme, 404},
		"of a program that does not exist":  {"GET", "/v1/orgs/acme/programs/none/members/ann", acme, 404},
		"of another org's own program":      {"GET", "/v1/orgs/globex/programs/own/members/ann", globex, 404},
		"no member":                         {"GET", "/v1/orgs/acme/programs/shop/members/", acme, 404},
		"more than a member":                {"GET", ann + "/rewards", acme, 404},
		"another path":                      {"GET", "/v1/orgs", acme, 404},
		"POST":                              {"POST", ann, acme, 405},
		"DELETE without a token":            {"DELETE", ann, "", 405},
		"the longest id":                    {"GET", "/v1/orgs/acme/programs/shop/members/" + long, acme, 200},
		"an id that is too long":            {"GET", "/v1/orgs/acme/programs/shop/members/" + long + "x", acme, 400},
		"an id that is not UTF-8":           {"GET", "/v1/orgs/acme/programs/shop/members/%ff", acme, 400},
		"a time":                            {"GET", ann + "?at=2026-01-01T00:00:00Z", acme, 200},
		"no time":                           {"GET", ann + "?at=yesterday", acme, 400},
		"a time out of range":               {"GET", ann + "?at=2300-01-01T00:00:00Z", acme, 400},
		"no time, and another org's token":  {"GET", ann + "?at=yesterday", globex, 404},
		"no time, and no token":             {"GET", ann + "?at=yesterday", "", 401},
		"an unknown parameter is no matter": {"GET", ann + "?x=1", acme, 200},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(nil)
			w := d.ask(c.method, c.target, c.token)
			if w.Code != c.status {
				t.Errorf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
			kind := "application/problem+json"
			if c.status == 200 {
				kind = "application/json"
			}
			if h := w.Header(); h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != kind || h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers %v", h)
			}
			if challenged := w.Header().Get("WWW-Authenticate") == `Bearer realm="grapevine"`; challenged != (c.status == 401) {
				t.Errorf("headers %v", w.Header())
			}
			if asked := len(d.books.asked) == 1; asked != (c.status == 200) {
				t.Errorf("the books were asked %v", d.books.asked)
			}
			if strings.Contains(w.Body.String()+d.log.String(), acme) {
				t.Errorf("the token is told: %s %s", w.Body, d.log)
			}
		})
	}
}

func TestMember_reads_the_header_strictly(t *testing.T) {
	for header, status := range map[string]int{
		"Bearer " + acme: 200, "bearer   " + acme: 200, acme: 401, "Basic " + acme: 401, "Bearer" + acme: 401, "Bearer ": 401, "Bearer " + acme + " " + acme: 401,
	} {
		r := httptest.NewRequest(http.MethodGet, ann, nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		if newDesk(nil).ServeHTTP(w, r); w.Code != status {
			t.Errorf("%q: %d, want %d", header, w.Code, status)
		}
	}
	r := httptest.NewRequest(http.MethodGet, ann, nil)
	r.Header.Add("Authorization", "Bearer "+acme)
	r.Header.Add("Authorization", "Bearer "+globex)
	w := httptest.NewRecorder()
	if newDesk(nil).ServeHTTP(w, r); w.Code != 401 {
		t.Errorf("two headers: %d", w.Code)
	}
}

// Whatever an org asks for, the books are asked for that org alone, and what it
// may not see looks like what is not there.
func TestMember_one_org_never_sees_anothers(t *testing.T) {
	tokens := map[string]string{"acme": acme, "globex": globex}
	hidden := newDesk(nil).ask("GET", "/v1/orgs/nobody/programs/nothing/members/ann", acme)
	for asking, token := range tokens {
		for _, org := range []string{"acme", "globex", "nobody", "acme%2F", "%61cme", "ACME", "acme%00", "..%2Facme", "*", "acme'--"} {
			for _, id := range []string{"shop", "own", "none", "shop%2Fmembers%2Fann%2F..", "%2e%2e", "'OR'1"} {
				for _, member := range []string{"ann", "%2e%2e%2fann", "ann%3Forg=globex"} {
					d := newDesk(nil)
					w := d.ask("GET", "/v1/orgs/"+org+"/programs/"+id+"/members/"+member+"?org=globex&org_id=globex", token)
					name, _ := url.PathUnescape(org)
					for _, q := range d.books.asked {
						if q.OrgID != asking || name != asking {
							t.Errorf("%s asked %s/%s: the books were asked for %s", asking, org, id, q.OrgID)
						}
					}
					if name != asking && (w.Code != 404 || w.Body.String() != hidden.Body.String() || fmt.Sprint(w.Header()) != fmt.Sprint(hidden.Header())) {
						t.Errorf("%s asked %s/%s: %d %v %s", asking, org, id, w.Code, w.Header(), w.Body)
					}
				}
			}
		}
	}
}

func TestMember_takes_ids_as_they_are(t *testing.T) {
	for _, id := range []string{"a/b", "a//b", "..", "a b", "ü", "%2F", "a?b#c", "\x00", "a'b\\"} {
		d := newDesk(nil)
		w := d.ask("GET", "/v1/orgs/acme/programs/shop/members/"+strings.ReplaceAll(url.PathEscape(id), "..", "%2e%2e"), acme)
		var told progress.Progress
		if err := json.Unmarshal(w.Body.Bytes(), &told); w.Code != 200 || err != nil || told.MemberID != id || d.books.asked[0].MemberID != id {
			t.Errorf("%q: %d %s", id, w.Code, w.Body)
		}
	}
}

func TestMember_tells_the_period_of_now_or_of_at(t *testing.T) {
	for query, period := range map[string]string{"": "2026-11", "?at=2026-10-31T23:59:59Z": "2026-10", "?at=2026-11-30T23:30:00-01:00": "2026-12"} {
		d := newDesk(nil)
		var told progress.Progress
		if err := json.Unmarshal(d.ask("GET", ann+query, acme).Body.Bytes(), &told); err != nil || told.Rules[0].Period != period {
			t.Errorf("%s: %v, %+v", query, err, told)
		}
	}
}

func TestMember_hints_once_at_missing_tokens(t *testing.T) {
	d := newDesk(func(o *api.Options) { o.Tokens = api.NewTokens(nil) })
	for range 3 {
		if w := d.ask("GET", ann, acme); w.Code != 401 {
			t.Errorf("status %d", w.Code)
		}
	}
	if n := strings.Count(d.log.String(), "http.tokens"); n != 1 {
		t.Errorf("%d hints: %s", n, d.log)
	}
	if d = newDesk(nil); d.ask("GET", ann, "") == nil || d.log.Len() != 0 {
		t.Errorf("a hint although there are tokens: %s", d.log)
	}
}

func TestMember_says_that_it_is_starting_and_that_the_books_are_away(t *testing.T) {
	d := newDesk(nil)
	closed := &desk{Handler: api.New(d.Options), log: d.log}
	if w := closed.ask("GET", ann, acme); w.Code != 503 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("status %d, headers %v", w.Code, w.Header())
	}
	d.books.err = errors.New("dial 10.0.0.5: refused")
	w := d.ask("GET", ann, acme)
	if w.Code != 503 || strings.Contains(w.Body.String(), "10.0.0.5") || !strings.Contains(d.log.String(), "10.0.0.5") {
		t.Errorf("status %d: %s; log %s", w.Code, w.Body, d.log)
	}
}

func TestMember_bounds_how_many_ask_the_books_and_how_long(t *testing.T) {
	var now, most atomic.Int64
	release := make(chan struct{})
	d := newDesk(func(o *api.Options) { o.Queries, o.Timeout = 2, 300*time.Millisecond })
	d.books.wait = func(ctx context.Context) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		select {
		case <-release:
		case <-ctx.Done():
		}
	}
	done := make(chan int)
	for range 6 {
		go func() { done <- d.ask("GET", ann, acme).Code }()
	}
	for range 6 {
		if code := <-done; code != 503 {
			t.Errorf("status %d, want 503 after the timeout", code)
		}
	}
	if most.Load() != 2 {
		t.Errorf("%d asked the books at once, want 2", most.Load())
	}
	close(release)
	if code := d.ask("GET", ann, acme).Code; code != 200 {
		t.Errorf("status %d afterwards", code)
	}
}

func TestHandler_observes_every_status(t *testing.T) {
	seen := map[int]int{}
	d := newDesk(func(o *api.Options) { o.Observe = func(status int, _ time.Duration) { seen[status]++ } })
	d.ask("GET", ann, acme)
	d.ask("GET", ann, "")
	d.ask("GET", "/v1/", "")
	if fmt.Sprint(seen) != "map[200:1 401:1 404:1]" {
		t.Errorf("seen %v", seen)
	}
}

// The handler behind a real server: HEAD has no body, and long headers are refused.
func TestHandler_behind_a_server(t *testing.T) {
	server := httptest.NewUnstartedServer(newDesk(nil))
	server.Config.MaxHeaderBytes = 16 << 10
	server.Start()
	defer server.Close()
	for method, want := range map[string]bool{"GET": true, "HEAD": false} {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+ann, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+acme)
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK || (len(body) > 0) != want || answer.ContentLength <= 0 {
			t.Errorf("%s: %d, %d bytes, %v", method, answer.StatusCode, len(body), err)
		}
	}
	answer, err := server.Client().Get(server.URL + ann + strings.Repeat("x", 64<<10))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge && answer.StatusCode != http.StatusRequestURITooLong {
		t.Errorf("a path of 64 KiB: %d", answer.StatusCode)
	}
}
