package config

import (
	"reflect"
	"time"

	"github.com/grapevinehq/grapevine/config/strict"
)

// Settings are what a worker needs to know of its surroundings. The comments of
// the fields are the reference in docs/configuration.md.
type Settings struct {
	strict.At `json:"-"`
	// Kafka is where events come from and go to.
	Kafka Kafka `json:"kafka"`
	// Redis remembers what has been decided.
	Redis Redis `json:"redis"`
	// ClickHouse holds the books.
	ClickHouse ClickHouse `json:"clickhouse"`
	// Programs is the file, or the folder of .yaml files, that says who is rewarded for what.
	Programs string `json:"programs" jsonschema:"minLength=1"`
	// ReloadInterval is how often the programs are looked at for changes.
	ReloadInterval time.Duration `json:"reload_interval"`
	// Access is what `grapevine access apply` gives the people who may see the books.
	Access Access `json:"access"`
	// HTTP serves health, metrics, member progress and the dashboard.
	HTTP HTTP `json:"http"`
	// Batch bounds what is worked on at once.
	Batch Batch `json:"batch"`
	// DedupeRetention is how long clicks and event ids are remembered beyond the longest dedupe window: an outage shorter than it lets no duplicate through.
	DedupeRetention time.Duration `json:"dedupe_retention"`
	// MaxFutureSkew is how far an event's time may be ahead of its Kafka timestamp.
	MaxFutureSkew time.Duration `json:"max_future_skew"`
	// HashSecret keys the hashes of ip and user agent; the same for every worker. When it is unset one is generated and kept with the installation.
	HashSecret Secret `json:"hash_secret"`
	// HashSecretFile is a file that holds the secret.
	HashSecretFile string `json:"hash_secret_file"`
	// HashSecretPrevious is the secret before, still known while it is rotated.
	HashSecretPrevious Secret `json:"hash_secret_previous"`
	// HashSecretPreviousFile is a file that holds the previous secret.
	HashSecretPreviousFile string `json:"hash_secret_previous_file"`
	// Log is what the worker says.
	Log Log `json:"log"`
	// ShutdownTimeout is how long the batch in flight may take after SIGTERM.
	ShutdownTimeout time.Duration `json:"shutdown_timeout"`
	// CreateTopics makes topics that are missing when `run` starts.
	CreateTopics bool `json:"create_topics"`
	// Migrate brings the ClickHouse schema up to date when `run` starts.
	Migrate bool `json:"migrate"`

	// Warnings are what deserves a line in the log and is no fault.
	Warnings []string `json:"-"`
}

// Kafka settings.
type Kafka struct {
	strict.At `json:"-"`
	// Brokers to start from, as host:port; separated by commas in the environment.
	Brokers []string `json:"brokers"`
	// Group is the consumer group; all workers of an installation share it.
	Group string `json:"group" jsonschema:"minLength=1"`
	// TopicPrefix stands before every topic name that is not renamed.
	TopicPrefix string `json:"topic_prefix"`
	// Topics renames single topics.
	Topics Topics `json:"topics"`
	// Partitions of topics that are created.
	Partitions int `json:"partitions" jsonschema:"minimum=1,maximum=10000"`
	// ReplicationFactor is that of topics that are created.
	ReplicationFactor int `json:"replication_factor" jsonschema:"minimum=1,maximum=100"`
	// SessionTimeout is the time after which a silent worker loses its partitions.
	SessionTimeout time.Duration `json:"session_timeout"`
	// RebalanceTimeout is how long a rebalance waits for workers that have not let go of their partitions; 0 is 10s, or the session timeout where that is longer.
	RebalanceTimeout time.Duration `json:"rebalance_timeout"`
	// HeartbeatInterval is that of the consumer group; at most 500ms, since the lease of a worker goes by it.
	HeartbeatInterval time.Duration `json:"heartbeat_interval"`
	// TLS of the connections.
	TLS TLS `json:"tls"`
	// SASL is how the worker authenticates.
	SASL SASL `json:"sasl"`
}

// Topics are the names of the topics. An empty name is the default one behind
// the prefix.
type Topics struct {
	// Clicks in; referral.clicks by default.
	Clicks string `json:"clicks"`
	// Conversions in; referral.conversions by default.
	Conversions string `json:"conversions"`
	// Members in; referral.members by default.
	Members string `json:"members"`
	// Fulfillments in; referral.fulfillments by default.
	Fulfillments string `json:"fulfillments"`
	// Credits between the stages; referral.credits by default.
	Credits string `json:"credits"`
	// Rewards out; referral.rewards by default.
	Rewards string `json:"rewards"`
	// Attributions out; referral.attributions by default.
	Attributions string `json:"attributions"`
	// Segments out; referral.segments by default.
	Segments string `json:"segments"`
	// DeadLetters out; referral.dead-letters by default.
	DeadLetters string `json:"dead_letters"`
}

// TopicNames are the names in use: the default behind the prefix, or else the
// name given, as it is.
func (k Kafka) TopicNames() Topics {
	t := k.Topics
	for _, one := range t.all() {
		if *one.name == "" {
			*one.name = k.TopicPrefix + "referral." + one.suffix
		}
	}
	return t
}

type topic struct {
	name   *string
	suffix string
}

func (t *Topics) all() []topic {
	return []topic{
		{&t.Clicks, "clicks"}, {&t.Conversions, "conversions"}, {&t.Members, "members"},
		{&t.Fulfillments, "fulfillments"}, {&t.Credits, "credits"}, {&t.Rewards, "rewards"},
		{&t.Attributions, "attributions"}, {&t.Segments, "segments"}, {&t.DeadLetters, "dead-letters"},
	}
}

// TLS of a connection.
type TLS struct {
	strict.At `json:"-"`
	// Enabled encrypts the connection.
	Enabled bool `json:"enabled"`
	// CAFile is a PEM file of authorities to trust instead of the system's.
	CAFile string `json:"ca_file"`
	// CertFile is the PEM file of the client's certificate.
	CertFile string `json:"cert_file"`
	// KeyFile is the PEM file of the certificate's key.
	KeyFile string `json:"key_file"`
	// ServerName to expect in the server's certificate, if not that of the address.
	ServerName string `json:"server_name"`
	// InsecureSkipVerify takes any certificate; for tests alone.
	InsecureSkipVerify bool `json:"insecure_skip_verify"`
}

// Mechanism of SASL.
type Mechanism string

// The mechanisms of SASL.
const (
	NoSASL      Mechanism = ""
	Plain       Mechanism = "plain"
	ScramSHA256 Mechanism = "scram-sha-256"
	ScramSHA512 Mechanism = "scram-sha-512"
)

// SASL authentication.
type SASL struct {
	strict.At `json:"-"`
	// Mechanism to use; without it there is no authentication.
	Mechanism Mechanism `json:"mechanism"`
	// Username to authenticate as.
	Username string `json:"username"`
	// Password of the user.
	Password Secret `json:"password"`
	// PasswordFile is a file that holds the password.
	PasswordFile string `json:"password_file"`
}

// Redis settings.
type Redis struct {
	strict.At `json:"-"`
	// Addr of the server, as host:port.
	Addr string `json:"addr"`
	// Addrs are the addresses of a cluster, instead of `addr`; separated by commas in the environment.
	Addrs []string `json:"addrs"`
	// Cluster says that one address belongs to a Redis Cluster; several always do.
	Cluster bool `json:"cluster"`
	// Username to authenticate as.
	Username string `json:"username"`
	// Password of the user.
	Password Secret `json:"password"`
	// PasswordFile is a file that holds the password.
	PasswordFile string `json:"password_file"`
	// DB is the number of the database; 0 in a cluster.
	DB int `json:"db" jsonschema:"minimum=0"`
	// TLS of the connections.
	TLS TLS `json:"tls"`
	// PoolSize is the most connections to one server; 0 leaves it to the client.
	PoolSize int `json:"pool_size" jsonschema:"minimum=0"`
}

// Addresses are those in use.
func (r Redis) Addresses() []string { return addresses(r.Addr, r.Addrs) }

// IsCluster says whether the addresses are those of a Redis Cluster.
func (r Redis) IsCluster() bool { return r.Cluster || len(r.Addresses()) > 1 }

// Compression of blocks on their way to ClickHouse.
type Compression string

// ClickHouse settings.
type ClickHouse struct {
	strict.At `json:"-"`
	// Addr of the native interface, as host:port.
	Addr string `json:"addr"`
	// Addrs are the addresses of several replicas, instead of `addr`; separated by commas in the environment.
	Addrs []string `json:"addrs"`
	// Database of the tables and views.
	Database string `json:"database" jsonschema:"minLength=1"`
	// Username to authenticate as.
	Username string `json:"username"`
	// Password of the user.
	Password Secret `json:"password"`
	// PasswordFile is a file that holds the password.
	PasswordFile string `json:"password_file"`
	// TLS of the connections.
	TLS TLS `json:"tls"`
	// Compression of blocks on their way.
	Compression Compression `json:"compression"`
}

// Addresses are those in use.
func (c ClickHouse) Addresses() []string { return addresses(c.Addr, c.Addrs) }

func addresses(one string, many []string) []string {
	if len(many) > 0 {
		return many
	}
	return []string{one}
}

// Access settings. Who may see what stands in the programs.
type Access struct {
	strict.At `json:"-"`
	// Passwords are those of the people, by login, as `acme__ana`; `acme__ana=PASSWORD,acme__olaf=OTHER` in the environment. Each has 12 bytes at least, and only its hash is stored.
	Passwords map[string]Secret `json:"passwords"`
	// PasswordsDir is a folder with a file for each login that holds the password.
	PasswordsDir string `json:"passwords_dir"`
	// MaxTime is how long a query of theirs may take; it counts in seconds.
	MaxTime time.Duration `json:"max_time"`
	// MaxMemory is how many bytes a query may take; all queries of one person at once may take twice that.
	MaxMemory int64 `json:"max_memory" jsonschema:"minimum=10485760"`
	// MaxRows is how many rows a query may return.
	MaxRows int64 `json:"max_rows" jsonschema:"minimum=1"`
	// MaxQueries is how many queries of one person run at once.
	MaxQueries int `json:"max_queries" jsonschema:"minimum=1,maximum=10000"`
}

// HTTP settings.
type HTTP struct {
	strict.At `json:"-"`
	// Addr to listen on, as host:port.
	Addr string `json:"addr"`
	// Tokens are the bearer tokens with which an org reads the progress of its members, a list for each org; `acme=TOKEN,acme=OTHER,globex=THIRD` in the environment. An org without one cannot read it.
	Tokens map[string][]Secret `json:"tokens"`
	// TokenFiles are files that hold such tokens, one a line, a list for each org; `acme=/run/secrets/acme` in the environment.
	TokenFiles map[string][]string `json:"token_files"`
}

// Batch settings.
type Batch struct {
	// MaxEvents is the most clicks of a batch; of the other topics, whose events weigh more, a quarter.
	MaxEvents int `json:"max_events" jsonschema:"minimum=1,maximum=1000000"`
	// MaxBytes is the most bytes of a batch, keys, values and headers together.
	MaxBytes int `json:"max_bytes" jsonschema:"minimum=1048576,maximum=1073741824"`
	// MaxWait is how long a batch waits to be filled.
	MaxWait time.Duration `json:"max_wait"`
	// InFlight is how many batches of one topic a worker holds in memory at once, over all of its partitions.
	InFlight int `json:"in_flight" jsonschema:"minimum=1,maximum=10000"`
}

// LogLevel is how much is said.
type LogLevel string

// LogFormat is how it is said.
type LogFormat string

// Log settings.
type Log struct {
	// Level is the least that is logged.
	Level LogLevel `json:"level"`
	// Format is text for people or json for machines.
	Format LogFormat `json:"format"`
}

// Defaults reach what `grapevine up` starts.
func Defaults() Settings {
	return Settings{
		Kafka: Kafka{
			Brokers: []string{"127.0.0.1:9092"}, Group: "grapevine", Partitions: 8, ReplicationFactor: 1,
			SessionTimeout: 6 * time.Second, HeartbeatInterval: 300 * time.Millisecond,
		},
		Redis: Redis{Addr: "127.0.0.1:6379"},
		ClickHouse: ClickHouse{
			Addr: "127.0.0.1:9000", Database: "referral", Username: "default", Compression: "none",
		},
		Programs:        "programs.yaml",
		ReloadInterval:  2 * time.Second,
		Access:          Access{MaxTime: time.Minute, MaxMemory: 2 << 30, MaxRows: 1_000_000, MaxQueries: 10},
		HTTP:            HTTP{Addr: "127.0.0.1:8080"},
		Batch:           Batch{MaxEvents: 20_000, MaxBytes: 32 << 20, MaxWait: 200 * time.Millisecond, InFlight: 3},
		DedupeRetention: 72 * time.Hour,
		MaxFutureSkew:   10 * time.Minute,
		Log:             Log{Level: "info", Format: "text"},
		ShutdownTimeout: 30 * time.Second,
		CreateTopics:    true,
		Migrate:         true,
	}
}

// settingEnums are the values that settings take.
var settingEnums = map[reflect.Type][]string{
	reflect.TypeFor[Mechanism]():   {string(Plain), string(ScramSHA256), string(ScramSHA512)},
	reflect.TypeFor[Compression](): {"none", "lz4"},
	reflect.TypeFor[LogLevel]():    {"debug", "info", "warn", "error"},
	reflect.TypeFor[LogFormat]():   {"text", "json"},
}
