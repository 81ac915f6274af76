package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// health tells what a worker waits for. It is ready when it waits for nothing.
type health struct {
	mutex   sync.Mutex
	waiting []string
}

// waits notes what is waited for; the function it returns ends the wait.
func (h *health) waits(what string) (done func()) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.waiting = append(h.waiting, what)
	return func() {
		h.mutex.Lock()
		defer h.mutex.Unlock()
		if i := slices.Index(h.waiting, what); i >= 0 {
			h.waiting = slices.Delete(h.waiting, i, i+1)
		}
	}
}

func (h *health) list() []string {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return slices.Clone(h.waiting)
}

// healthz answers as long as the process lives.
func (h *health) healthz(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, "ok")
}

// readyz answers 200 when nothing is waited for, or else 503 and what.
func (h *health) readyz(w http.ResponseWriter, _ *http.Request) {
	waiting := h.list()
	if len(waiting) == 0 {
		fmt.Fprintln(w, "ready")
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprintf(w, "waiting for %s\n", strings.Join(waiting, ", "))
}
