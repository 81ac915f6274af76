package engine

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

func TestPins_name_a_version_and_a_checksum_of_everything(t *testing.T) {
	for name, binary := range map[string]pinnedBinary{"libchdb": pins.Libchdb, "valkey": pins.Valkey} {
		if binary.Version == "" {
			t.Errorf("%s has no version", name)
		}
		if _, ok := binary.Packages["linux/amd64"]; !ok {
			t.Errorf("%s is not pinned for linux/amd64", name)
		}
		for platform, p := range binary.Packages {
			if sum, err := hex.DecodeString(p.SHA512); err != nil || len(sum) != 64 || p.Name == "" || p.Megabytes == 0 {
				t.Errorf("%s for %s: %+v (%v)", name, platform, p, err)
			}
		}
	}
	for _, jar := range pins.ApacheKafka.Jars {
		if sum, err := hex.DecodeString(jar.SHA256); err != nil || len(sum) != 32 || jar.Group == "" || jar.Version == "" {
			t.Errorf("jar %+v (%v)", jar, err)
		}
	}
	if !slices.ContainsFunc(pins.ApacheKafka.Jars, func(j pinnedJar) bool {
		return j.Artifact == "kafka_2.13" && j.Version == pins.ApacheKafka.Version
	}) {
		t.Errorf("no jar of Kafka %s", pins.ApacheKafka.Version)
	}
}

// Where packages come from is for each machine's own clients to know.
func TestPins_name_no_host(t *testing.T) {
	if text := string(pinsJSON); strings.Contains(text, "://") {
		t.Error("pins.json holds an address")
	}
}
