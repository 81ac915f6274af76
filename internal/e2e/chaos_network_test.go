package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// link is a network path to an engine that can be cut, slowed and half-opened.
type link struct{ *toxiproxy.Proxy }

func newLink(t testing.TB, name string) link {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, name, fmt.Sprintf("127.0.0.1:%d", enginetest.FreePort(t)), "")
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	return link{proxy}
}

// to says where the link ends.
func (l link) to(upstream string) {
	l.Stop() // the proxy reads it without a lock
	l.Upstream = upstream
	if err := l.Start(); err != nil {
		panic(err)
	}
}

// slow delays every answer.
func (l link) slow() error { return l.add("latency", "downstream", `{"latency":150,"jitter":100}`) }

// halfOpen keeps connections up and lets nothing through: requests arrive, answers
// do not.
func (l link) halfOpen() error { return l.add("timeout", "downstream", `{"timeout":0}`) }

func (l link) add(kind, stream, attributes string) error {
	_, err := l.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"type":%q,"stream":%q,"attributes":%s}`, kind, stream, attributes)))
	return err
}

// heal lets everything through again.
func (l link) heal() { l.Toxics.ResetToxics(context.Background()) }
