package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
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

// serveHTTP serves health and metrics until ctx ends.
func serveHTTP(ctx context.Context, addr string, h *health, registry *prometheus.Registry) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", h.healthz)
	mux.HandleFunc("GET /readyz", h.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "grapevine: /healthz /readyz /metrics\n")
	})
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %s for health and metrics (http.addr): %w", addr, err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(bounded) // the process ends; a scrape in flight may be cut
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve health and metrics: %w", err)
	}
	return nil
}
