package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func settingsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "worker.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadSettings_defaults_reach_what_up_starts(t *testing.T) {
	s, err := LoadSettings("", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(s.Kafka.Brokers, s.Redis.Addresses(), s.ClickHouse.Addresses(), s.HTTP.Addr, s.Programs, s.ClickHouse.Database)
	if want := "[127.0.0.1:9092] [127.0.0.1:6379] [127.0.0.1:9000] 127.0.0.1:8080 programs.yaml referral\n"; got != want {
		t.Errorf("defaults %s, want %s", got, want)
	}
	names := s.Kafka.TopicNames()
	if names.Clicks != "referral.clicks" || names.DeadLetters != "referral.dead-letters" {
		t.Errorf("topics %+v", names)
	}
}

func TestLoadSettings_lays_the_environment_over_the_file(t *testing.T) {
	path := settingsFile(t, `
kafka:
  brokers: [a:1, b:2]
  group: shop
  topic_prefix: eu.
  topics: {clicks: my-clicks}
batch: {max_wait: 1s}
redis: {addrs: ["[::1]:7000", r2:7001]}
`)
	s, err := LoadSettings(path, []string{
		"GRAPEVINE_KAFKA_BROKERS=x:9, y:10", "GRAPEVINE_BATCH_MAX_EVENTS=500", "GRAPEVINE_MIGRATE=false",
		"GRAPEVINE_KAFKA_TLS_ENABLED=true", "GRAPEVINE_KAFKA_GROUP=", "GRAPEVINE_DEDUPE_RETENTION=96h",
		"GRAPEVINE_KAFKA_SASL_MECHANISM=scram-sha-256", "GRAPEVINE_KAFKA_SASL_USERNAME=u", "GRAPEVINE_KAFKA_SASL_PASSWORD=p",
		"GRAPEVINE_KAFKA_BROKER=typo", "GRAPEVINE_ENGINES=/engines", "PATH=/bin",
	})
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(s.Kafka.Brokers) != "[x:9 y:10]" || s.Kafka.Group != "shop" || s.Batch.MaxEvents != 500 || s.Batch.MaxWait != time.Second {
		t.Errorf("settings %+v", s)
	}
	if s.Migrate || !s.CreateTopics || !s.Kafka.TLS.Enabled || s.DedupeRetention != 96*time.Hour || !s.Redis.IsCluster() {
		t.Errorf("settings %+v", s)
	}
	if s.Kafka.SASL.Mechanism != ScramSHA256 || s.Kafka.SASL.Password.Reveal() != "p" {
		t.Errorf("sasl %+v", s.Kafka.SASL)
	}
	if names := s.Kafka.TopicNames(); names.Clicks != "my-clicks" || names.Rewards != "eu.referral.rewards" {
		t.Errorf("topics %+v", names)
	}
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "GRAPEVINE_KAFKA_BROKER is no setting; did you mean GRAPEVINE_KAFKA_BROKERS?") {
		t.Errorf("warnings %q", s.Warnings)
	}
}

func TestLoadSettings_names_every_problem(t *testing.T) {
	path := settingsFile(t, `kafka:
  broker: [a:1]
  brokers: [a]
  heartbeat_interval: 1s
  session_timeout: 2s
  partitions: 0
  topics: {clicks: referral.rewards}
  sasl: {mechanism: gssapi, username: u}
  tls: {enabled: true, cert_file: /none.pem}
redis:
  addr: r:1
  addrs: [r:1, r:2]
  db: 3
clickhouse: {database: "a-b", compression: brotli, password: "${X}", password_file: /none}
http: {addr: nowhere}
batch: {max_events: many, max_wait: 0s}
hash_secret_previous: old
log: {level: loud}
shutdown_timeout: 30
`)
	_, err := LoadSettings(path, []string{"GRAPEVINE_CREATE_TOPICS=perhaps"})
	var problems *Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	for _, want := range []string{
		`:2:3: kafka: unknown key "broker"; did you mean "brokers"?`,
		`:3:12: kafka.brokers: must be host:port, not "a"`,
		`:4:23: kafka.heartbeat_interval: must be at most 500ms, not 1s`,
		`:5:20: kafka.session_timeout: must be at least four heartbeat intervals (4s), not 2s`,
		`:6:15: kafka.partitions: must be at least 1, not 0`,
		`kafka.topics: clicks and rewards have the same name "referral.rewards"`,
		`:8:21: kafka.sasl.mechanism: must be one of plain, scram-sha-256, scram-sha-512, not "gssapi"`,
		`kafka.tls.cert_file: and ` + "`key_file`" + ` belong together`,
		`kafka.tls.cert_file: cannot be read`,
		`redis.addrs: and ` + "`addr`" + ` exclude each other`,
		`:13:7: redis.db: must be 0 in a cluster, not 3`,
		`clickhouse.database: must be letters, digits and underscores`,
		`clickhouse.compression: must be one of none, lz4, not "brotli"`,
		`clickhouse.password_file: and ` + "`password`" + ` exclude each other`,
		`:15:14: http.addr: must be host:port, not "nowhere"`,
		`:16:21: batch.max_events: must be a whole number, not "many"`,
		`:16:37: batch.max_wait: must be more than 0`,
		`hash_secret_previous: needs a hash_secret`,
		`:18:14: log.level: must be one of debug, info, warn, error, not "loud"`,
		`:19:19: shutdown_timeout: is not a duration: "30"`,
		`environment variable GRAPEVINE_CREATE_TOPICS: create_topics: must be true or false, not "perhaps"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing: %s", want)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
}

func TestLoadSettings_takes_a_file_of_comments(t *testing.T) {
	if _, err := LoadSettings(settingsFile(t, "# all defaults\n\n"), nil); err != nil {
		t.Error(err)
	}
	if _, err := LoadSettings("/no/such/file", nil); err == nil {
		t.Error("no error")
	}
}

func TestLoadSettings_reads_secrets_from_files(t *testing.T) {
	secret := settingsFile(t, "s3cret\n")
	s, err := LoadSettings("", []string{"GRAPEVINE_HASH_SECRET_FILE=" + secret, "GRAPEVINE_REDIS_PASSWORD_FILE=" + secret})
	if err != nil {
		t.Fatal(err)
	}
	if s.HashSecret.Reveal() != "s3cret" || s.Redis.Password.Reveal() != "s3cret" {
		t.Error("the secrets were not read")
	}
	if _, err := LoadSettings("", []string{"GRAPEVINE_HASH_SECRET_FILE=" + settingsFile(t, "")}); err == nil {
		t.Error("an empty secret was taken")
	}
}

func TestSecret_shows_itself_nowhere(t *testing.T) {
	s := Defaults()
	s.Redis.Password = NewSecret("s3cret")
	s.HTTP.Tokens = map[string][]Secret{"acme": {NewSecret("s3cret")}}
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("settings", "redis", s.Redis, "password", s.Redis.Password, "http", s.HTTP)
	encoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "%v %+v %#v %s %s", s, s, s, s.Redis.Password, encoded)
	if text := out.String(); strings.Contains(text, "s3cret") || !strings.Contains(text, hidden) {
		t.Error(text)
	}
}

func TestSecret_takes_digits_as_they_are(t *testing.T) {
	s, err := LoadSettings(settingsFile(t, "redis: {password: 0123}\n"), nil)
	if err != nil || s.Redis.Password.Reveal() != "0123" {
		t.Error(err)
	}
}

func TestSettings_have_a_variable_each(t *testing.T) {
	seen := map[string]string{}
	for _, s := range allSettings() {
		if other, twice := seen[s.env()]; twice {
			t.Errorf("%s and %s are both %s", s.key(), other, s.env())
		}
		seen[s.env()] = s.key()
	}
	for _, key := range []string{"kafka.brokers", "kafka.topic_prefix", "redis.addrs", "clickhouse.database", "hash_secret", "log.format", "batch.max_wait"} {
		if _, ok := seen["GRAPEVINE_"+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))]; !ok {
			t.Errorf("%s has none", key)
		}
	}
}
