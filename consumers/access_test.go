package consumers_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline"
)

// Everything works over TLS with every mechanism: the group's connections, the
// shared ones, and the requests that are written by hand.
func TestCluster_over_TLS_with_SASL(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			server, client := certificate(t)
			broker, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.TLS(server), kfake.EnableSASL(), kfake.Superuser(mechanism, "gv", "secret"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(broker.Close)
			b := newBed(t, strings.Join(broker.ListenAddrs(), ","))
			b.options.Brokers = broker.ListenAddrs()
			b.options.TLS = client
			b.options.SASL = consumers.SASL{Mechanism: mechanism, Username: "gv", Password: "secret"}
			b.cluster = b.open()
			b.create(4)
			b.publish(pipeline.Message{Topic: consumers.Clicks, Key: []byte("k"), Value: []byte("v")})
			w := b.join(consumers.Clicks)
			w.awaitCount(4)
			s := w.source(consumers.Clicks, 3)
			b.commit(s, 0, "1")
			awaitRenewal(t, s)
			lags, err := b.cluster.Lags(t.Context(), consumers.Clicks)
			if err != nil {
				t.Fatal(err)
			}
			for _, lag := range lags {
				if lag.End > 0 {
					b.wantValues(w.source(consumers.Clicks, lag.Partition), 0, 1, "v")
				}
			}
			b.options.SASL.Password = "wrong"
			if _, err := b.open().Describe(t.Context(), "any"); err == nil {
				t.Error("a wrong password is taken")
			}
		})
	}
}

// certificate makes TLS configurations for 127.0.0.1, of a server and of a
// client that trusts it.
func certificate(t *testing.T) (server, client *tls.Config) {
	web := httptest.NewTLSServer(nil)
	t.Cleanup(web.Close)
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	return &tls.Config{Certificates: web.TLS.Certificates}, &tls.Config{RootCAs: roots}
}

func TestCluster_tells_what_is_wrong_with_its_options(t *testing.T) {
	good := consumers.Options{Brokers: []string{"127.0.0.1:1"}}
	for want, spoil := range map[string]func(*consumers.Options){
		"kafka.brokers":        func(o *consumers.Options) { o.Brokers = nil },
		"at most 500ms":        func(o *consumers.Options) { o.Heartbeat = time.Second },
		"at least four":        func(o *consumers.Options) { o.SessionTimeout = time.Second },
		"a lease can end":      func(o *consumers.Options) { o.SessionTimeout, o.Heartbeat = time.Second, time.Millisecond },
		"at least the session": func(o *consumers.Options) { o.RebalanceTimeout = time.Second },
		"kafka.sasl.mechanism": func(o *consumers.Options) { o.SASL.Mechanism = "GSSAPI" },
	} {
		o := good
		spoil(&o)
		if _, err := consumers.Open(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to name %q", err, want)
		}
	}
	cluster, err := consumers.Open(good)
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	if _, err := consumers.NewGroup(cluster); err == nil || !strings.Contains(err.Error(), "kafka.group") {
		t.Errorf("a group without a name: %v", err)
	}
}

func TestNames(t *testing.T) {
	names := consumers.Names{Prefix: "eu.", Renames: map[string]string{consumers.Clicks: "traffic"}}
	for contract, kafka := range map[string]string{consumers.Clicks: "traffic", consumers.Members: "eu.referral.members"} {
		if got := names.Kafka(contract); got != kafka {
			t.Errorf("%s is called %s", contract, got)
		}
		if got, ok := names.Contract(kafka); got != contract || !ok {
			t.Errorf("%s is %s, %v", kafka, got, ok)
		}
	}
	if _, ok := names.Contract("eu.referral.clicks"); ok {
		t.Error("a renamed topic keeps its old name")
	}
}

// awaitRenewal waits until heartbeats have moved the end of a lease.
func awaitRenewal(t *testing.T, s assigned) {
	t.Helper()
	first, timeout := s.source.Lease(), time.After(20*time.Second)
	for !s.source.Lease().After(first) {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-s.ctx.Done():
			t.Fatalf("the generation ended before the lease was renewed: %v", context.Cause(s.ctx))
		case <-timeout:
			t.Fatalf("the lease still ends at %s", first)
		}
	}
}
