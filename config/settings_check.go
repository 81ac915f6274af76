package config

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/config/strict"
)

// maxHeartbeat bounds the lease that lets a worker write: it is renewed by
// heartbeats.
const maxHeartbeat = 500 * time.Millisecond

// maxSession keeps session timeout, clock skew and the time of an insert well
// under the three minutes for which a block's token is trusted.
const maxSession = time.Minute

// check looks at what the settings mean together, and reads the files of
// secrets.
func (s *Settings) check(problems *Problems) {
	s.Kafka.check(problems)
	s.Redis.check(problems)
	s.ClickHouse.check(problems)
	s.Access.check(problems)
	c := section{problems, "", s.At}
	c.listen("http.addr", s.HTTP.Addr, s.Node().Get("http").Get("addr"))
	s.HTTP.check(problems)
	c.secret("hash_secret", &s.HashSecret, s.HashSecretFile)
	c.secret("hash_secret_previous", &s.HashSecretPrevious, s.HashSecretPreviousFile)
	if s.HashSecretPrevious.Set() && !s.HashSecret.Set() {
		c.add("hash_secret_previous", "needs a hash_secret that takes its place")
	}
	c.positive("shutdown_timeout", s.ShutdownTimeout)
	c.positive("reload_interval", s.ReloadInterval)
	c.positive("dedupe_retention", s.DedupeRetention)
	if s.Batch.MaxWait <= 0 {
		problems.Add(placeOf(s.Node().Get("batch").Get("max_wait")), "batch.max_wait", "must be more than 0")
	}
}

func (k *Kafka) check(problems *Problems) {
	c := section{problems, "kafka", k.At}
	c.hosts("brokers", k.Brokers)
	c.tls(k.TLS)
	c.sasl(&k.SASL)
	c.positive("heartbeat_interval", k.HeartbeatInterval)
	if k.HeartbeatInterval > maxHeartbeat {
		c.add("heartbeat_interval", "must be at most %s, not %s: the lease of a worker goes by it", maxHeartbeat, k.HeartbeatInterval)
	}
	if k.SessionTimeout < 4*k.HeartbeatInterval {
		c.add("session_timeout", "must be at least four heartbeat intervals (%s), not %s", 4*k.HeartbeatInterval, k.SessionTimeout)
	}
	if k.RebalanceTimeout != 0 && k.RebalanceTimeout < k.SessionTimeout {
		c.add("rebalance_timeout", "must be at least the session timeout (%s), not %s: a lease could outlive its partition", k.SessionTimeout, k.RebalanceTimeout)
	}
	if k.SessionTimeout > maxSession {
		c.add("session_timeout", "must be at most %s, not %s: a worker that lost its partitions could write for longer than ClickHouse surely remembers its blocks", maxSession, k.SessionTimeout)
	}
	names := k.TopicNames()
	seen := map[string]string{}
	for _, t := range names.all() {
		if !topicName.MatchString(*t.name) || len(*t.name) > 249 {
			c.add("topics", "%q cannot be the name of a topic: letters, digits, dots, dashes and underscores, at most 249", *t.name)
		}
		if other, twice := seen[*t.name]; twice {
			c.add("topics", "%s and %s have the same name %q", other, t.suffix, *t.name)
		}
		seen[*t.name] = t.suffix
	}
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)

func (r *Redis) check(problems *Problems) {
	c := section{problems, "redis", r.At}
	c.either("addr", "addrs")
	c.hosts("addr", r.Addresses())
	c.secret("password", &r.Password, r.PasswordFile)
	c.tls(r.TLS)
	if r.IsCluster() && r.DB != 0 {
		c.add("db", "must be 0 in a cluster, not %d", r.DB)
	}
}

var databaseName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

func (h *ClickHouse) check(problems *Problems) {
	c := section{problems, "clickhouse", h.At}
	c.either("addr", "addrs")
	c.hosts("addr", h.Addresses())
	c.secret("password", &h.Password, h.PasswordFile)
	c.tls(h.TLS)
	if h.Database != "" && !databaseName.MatchString(h.Database) {
		c.add("database", "must be letters, digits and underscores, not %q", h.Database)
	}
}

// section reports under the name of a part of the settings.
type section struct {
	problems *Problems
	name     string
	at       strict.At
}

func (c section) add(key, format string, args ...any) {
	path := key
	if c.name != "" {
		path = c.name + "." + key
	}
	c.problems.Add(c.at.Where(key), path, format, args...)
}

func (c section) positive(key string, d time.Duration) {
	if d <= 0 {
		c.add(key, "must be more than 0")
	}
}

func (c section) either(one, other string) {
	if c.at.Has(one) && c.at.Has(other) {
		c.add(other, "and `%s` exclude each other", one)
	}
}

// hosts checks addresses to connect to.
func (c section) hosts(key string, addrs []string) {
	if len(addrs) == 0 {
		c.add(key, "must not be empty")
	}
	for _, addr := range addrs {
		host, port, err := net.SplitHostPort(addr)
		number, bad := strconv.Atoi(port)
		if err != nil || host == "" || bad != nil || number < 1 || number > 65535 {
			c.add(key, "must be host:port, not %q", addr)
		}
	}
}

// listen checks an address to listen on: the host may be left out, port 0
// takes a free one.
func (c section) listen(key, addr string, node *strict.Node) {
	_, port, err := net.SplitHostPort(addr)
	number, bad := strconv.Atoi(port)
	if err != nil || bad != nil || number < 0 || number > 65535 {
		c.problems.Add(placeOf(node), key, "must be host:port, not %q", addr)
	}
}

// secret takes a secret from its file; the key of the file is <key>_file.
func (c section) secret(key string, into *Secret, file string) {
	if file == "" {
		return
	}
	if into.Set() {
		c.add(key+"_file", "and `%s` exclude each other", key)
		return
	}
	text, err := os.ReadFile(file)
	if err != nil {
		c.add(key+"_file", "cannot be read: %v", err)
		return
	}
	*into = NewSecret(strings.TrimRight(string(text), "\r\n"))
	if !into.Set() {
		c.add(key+"_file", "is an empty file: %s", file)
	}
}

func (c section) tls(t TLS) {
	c = c.within("tls", t.At)
	if (t.CertFile == "") != (t.KeyFile == "") {
		c.add("cert_file", "and `key_file` belong together")
	}
	for key, file := range map[string]string{"ca_file": t.CAFile, "cert_file": t.CertFile, "key_file": t.KeyFile} {
		if file == "" {
			continue
		}
		if !t.Enabled {
			c.add(key, "has no effect while `enabled` is false")
		}
		if _, err := os.Stat(file); err != nil {
			c.add(key, "cannot be read: %v", err)
		}
	}
}

func (c section) sasl(s *SASL) {
	c = c.within("sasl", s.At)
	c.secret("password", &s.Password, s.PasswordFile)
	switch {
	case s.Mechanism == NoSASL && (s.Username != "" || s.Password.Set()):
		c.add("mechanism", "is missing; one of plain, scram-sha-256, scram-sha-512")
	case s.Mechanism != NoSASL && (s.Username == "" || !s.Password.Set()):
		c.add("mechanism", "%s needs a `username` and a `password`", s.Mechanism)
	}
}

func (c section) within(name string, at strict.At) section {
	return section{c.problems, fmt.Sprintf("%s.%s", c.name, name), at}
}

func placeOf(n *strict.Node) strict.Pos {
	if n == nil {
		return strict.Pos{}
	}
	return n.Pos
}
