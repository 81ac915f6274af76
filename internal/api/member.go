package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/progress"
)

// member answers how far a member is in a program. Whoever has no token at all
// is told so (401) before anything else of the path counts; whoever has one of
// another org is told what is told of a program that does not exist (404).
func (h *Handler) member(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "")
		return
	}
	org, known := h.Tokens.Org(r)
	if !known {
		h.unauthorized(w)
		return
	}
	if org != r.PathValue("org") {
		nothing(w)
		return
	}
	at, err := h.instant(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if err := checkID(r.PathValue("member")); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	source := h.source.Load()
	if source == nil {
		later(w, "the worker is starting")
		return
	}
	p := source.Programs().Program(org, r.PathValue("program"))
	if p == nil {
		nothing(w)
		return
	}
	asked := progress.Ask(p, r.PathValue("member"), at.UnixMilli())
	answer, err := h.ask(r.Context(), source, asked)
	if err != nil {
		h.failed(w, r, err)
		return
	}
	write(w, http.StatusOK, "application/json", asked.Tell(answer))
}

// unauthorized asks for a token. Who runs the worker learns once that it has none.
func (h *Handler) unauthorized(w http.ResponseWriter) {
	if h.Tokens.None() {
		h.hint.Do(func() {
			h.Log.Warn("member progress is asked for, but no org has a token: set http.tokens or http.token_files")
		})
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="grapevine"`)
	refuse(w, http.StatusUnauthorized, "a token of the org is needed, as Authorization: Bearer TOKEN")
}

// nothing is the answer for what is not there, or not for whoever asks.
func nothing(w http.ResponseWriter) { refuse(w, http.StatusNotFound, "there is no such program") }

// later asks to come again.
func later(w http.ResponseWriter, why string) {
	w.Header().Set("Retry-After", "1")
	refuse(w, http.StatusServiceUnavailable, why)
}

// instant is the time that is asked for, or else now.
func (h *Handler) instant(r *http.Request) (time.Time, error) {
	text := r.URL.Query().Get("at")
	if text == "" {
		return h.Now(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 1900 || at.Year() > 2299 {
		return at, errors.New("at must be a time such as 2026-09-30T12:00:00Z, of the years 1900 to 2299")
	}
	return at, nil
}

// checkID refuses what no event could have named.
func checkID(id string) error {
	if len(id) > event.MaxIDBytes {
		return fmt.Errorf("the member's id is longer than %d bytes", event.MaxIDBytes)
	}
	if !utf8.ValidString(id) {
		return errors.New("the member's id is not UTF-8")
	}
	return nil
}

// errCrowded means that too many others ask the books.
var errCrowded = errors.New("too many requests wait for the books")

// ask asks the books when there is a place.
func (h *Handler) ask(ctx context.Context, source *Source, asked *progress.Asked) (progress.Answer, error) {
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
		return source.Books.Progress(ctx, &asked.Question)
	case <-ctx.Done():
		return progress.Answer{}, errCrowded
	}
}

// failed tells of a failure without its details, which go to the log.
func (h *Handler) failed(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errCrowded):
		later(w, err.Error())
	case errors.Is(r.Context().Err(), context.Canceled): // nobody waits for an answer
		later(w, "the request was given up")
	default:
		h.Log.Error("member progress was not told", "org", r.PathValue("org"), "program", r.PathValue("program"), "error", err)
		later(w, "the books do not answer")
	}
}
