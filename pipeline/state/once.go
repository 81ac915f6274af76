package state

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	_ "embed" // the script
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

//go:embed once.lua
var onceLua string

var onceScript = newScript("once", onceLua)

// once sets a value that is set once, or only reads it when value is nil, and
// returns what stands, nil for nothing.
func (s *Store) once(ctx context.Context, g group, key string, value []byte) ([]byte, error) {
	id, err := s.id()
	if err != nil {
		return nil, err
	}
	c := call{group: g, keys: []string{g.marker(), g.key(key)}, args: []any{id}}
	if value != nil {
		c.args = append(c.args, value)
	}
	answers, err := s.run(ctx, onceScript, []call{c})
	if err != nil {
		return nil, err
	}
	return elementBytes(answers[0], 1), nil
}

// Meta returns what the workers of the installation agreed on under a name;
// nil when nothing is there.
func (s *Store) Meta(ctx context.Context, name string) ([]byte, error) {
	value, err := s.once(ctx, metaGroup, "meta:"+name, nil)
	if err != nil {
		return nil, fmt.Errorf("read what is agreed on %s: %w", name, err)
	}
	return value, nil
}

// SetMeta sets what the workers agree on under a name, unless it stands
// already, and returns what stands.
func (s *Store) SetMeta(ctx context.Context, name string, value []byte) ([]byte, error) {
	standing, err := s.once(ctx, metaGroup, "meta:"+name, append([]byte{}, value...))
	if err != nil {
		return nil, fmt.Errorf("agree on %s: %w", name, err)
	}
	return standing, nil
}

// metaGroup holds what belongs to the installation as a whole.
const metaGroup group = 0

// Topic is what a topic was when the installation first read it.
type Topic struct {
	Incarnation string `json:"incarnation"` // its id in Kafka
	Partitions  int    `json:"partitions"`
}

// TopicName is the name under which a topic is agreed on.
func TopicName(topic string) string { return "topic/" + topic }

// RegisterTopic notes a topic the first time and returns what was noted then:
// when that differs, the topic has been made anew or repartitioned.
func (s *Store) RegisterTopic(ctx context.Context, name string, topic Topic) (Topic, error) {
	value, err := json.Marshal(topic)
	if err != nil {
		return Topic{}, fmt.Errorf("register topic %s: %w", name, err)
	}
	standing, err := s.SetMeta(ctx, TopicName(name), value)
	if err != nil {
		return Topic{}, fmt.Errorf("register topic %s: %w", name, err)
	}
	var registered Topic
	if err := json.Unmarshal(standing, &registered); err != nil {
		return Topic{}, fmt.Errorf("register topic %s: read what was registered: %w", name, err)
	}
	return registered, nil
}

// ErrSecretConfigured means that a secret cannot be generated, since what is
// hashed already was hashed under one of the settings.
var ErrSecretConfigured = errors.New("the installation has a configured hash secret")

// HashSecret returns the installation's generated secret of 32 bytes, the same
// for all workers: the first one to ask makes it. Where something else was set
// as Meta hash_secret, the mark of a configured secret, it is ErrSecretConfigured.
func (s *Store) HashSecret(ctx context.Context) ([]byte, error) {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("make a hash secret: %w", err)
	}
	standing, err := s.SetMeta(ctx, "hash_secret", secret)
	if err != nil {
		return nil, err
	}
	if len(standing) != len(secret) {
		return nil, fmt.Errorf("%w: its workers have used a hash_secret of their settings so far: set the same one here", ErrSecretConfigured)
	}
	return standing, nil
}

// PutRevision keeps the source of a configuration by its hash.
func (s *Store) PutRevision(ctx context.Context, hash string, source []byte) error {
	packed, err := packRevision(source)
	if err == nil {
		_, err = s.once(ctx, groupOf(hash), "rev:"+hash, packed)
	}
	if err != nil {
		return fmt.Errorf("keep revision %s: %w", hash, err)
	}
	return nil
}

// packRevision is a configuration as Redis holds it.
func packRevision(source []byte) ([]byte, error) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(source); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// Revision returns the source of a configuration by its hash; found is false
// when Redis does not have it.
func (s *Store) Revision(ctx context.Context, hash string) (source []byte, found bool, err error) {
	packed, err := s.once(ctx, groupOf(hash), "rev:"+hash, nil)
	if err != nil {
		return nil, false, fmt.Errorf("read revision %s: %w", hash, err)
	}
	if packed == nil {
		return nil, false, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err == nil {
		source, err = io.ReadAll(r)
	}
	if err != nil {
		return nil, false, fmt.Errorf("unpack revision %s: %w", hash, err)
	}
	return source, true, nil
}
