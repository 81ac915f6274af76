package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/progress"
)

// Source is what answers are made of.
type Source struct {
	Programs func() *program.Catalog // those that decide now
	Books    interface {
		Progress(ctx context.Context, q *progress.Question) (progress.Answer, error)
	}
}

// Options bound a Handler, and say whom it answers.
type Options struct {
	Tokens *Tokens
	// Queries is how many requests may ask the books at once; others wait.
	Queries int
	// Timeout bounds a request, its wait included.
	Timeout time.Duration
	Log     *slog.Logger
	// Now is the clock that chooses periods.
	Now func() time.Time
	// Observe is told of every request's status and how long it took; may be nil.
	Observe func(status int, took time.Duration)
}

// Handler answers what begins with /v1/.
type Handler struct {
	Options
	mux    *http.ServeMux
	places chan struct{}
	source atomic.Pointer[Source]
	hint   sync.Once
}

// New makes a Handler that answers 503 until it is opened.
func New(o Options) *Handler {
	h := &Handler{Options: o, mux: http.NewServeMux(), places: make(chan struct{}, o.Queries)}
	h.mux.HandleFunc("/v1/orgs/{org}/programs/{program}/members/{member}", h.member)
	h.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "") })
	return h
}

// Open makes the handler answer from a source.
func (h *Handler) Open(s Source) { h.source.Store(&s) }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(r.Context(), h.Timeout)
	defer cancel()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	h.mux.ServeHTTP(seen, r.WithContext(ctx))
	if h.Observe != nil {
		h.Observe(seen.status, time.Since(began))
	}
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
