package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/internal/api"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Bounds of member progress: how many requests may ask the books at once, so that
// the pipeline's own inserts and look-ups keep their connections, and how long one
// may take with its wait for a place.
const (
	memberQueries = 4
	memberTimeout = 5 * time.Second
)

// newAPI makes what answers at /v1/, which is opened when the worker is ready.
func (w *worker) newAPI() *api.Handler {
	return api.New(api.Options{
		Tokens: api.NewTokens(revealed(w.settings.HTTP.Tokens)), Queries: memberQueries, Timeout: memberTimeout,
		Log: w.log, Now: time.Now, Observe: w.metrics.memberAsked,
	})
}

// revealed are the tokens themselves, for the one that hashes them.
func revealed(tokens map[string][]config.Secret) map[string][]string {
	texts := make(map[string][]string, len(tokens))
	for org, list := range tokens {
		for _, token := range list {
			texts[org] = append(texts[org], token.Reveal())
		}
	}
	return texts
}

// openAPI lets others ask, by the programs that decide at that moment.
func (w *worker) openAPI() {
	w.api.Open(api.Source{Programs: func() *program.Catalog { return w.catalogs.present().Catalog }, Books: w.books})
}

// serveHTTP serves health, metrics and member progress until ctx ends.
func (w *worker) serveHTTP(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", w.health.healthz)
	mux.HandleFunc("GET /readyz", w.health.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(w.registry, promhttp.HandlerOpts{}))
	mux.Handle("/v1/", w.api)
	mux.HandleFunc("GET /{$}", func(out http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(out, "grapevine: /healthz /readyz /metrics /v1/orgs/{org}/programs/{program}/members/{member}\n")
	})
	listener, err := net.Listen("tcp", w.settings.HTTP.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s for health and metrics (http.addr): %w", w.settings.HTTP.Addr, err)
	}
	server := &http.Server{
		Handler: mux, MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
	}
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
