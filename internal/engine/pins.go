package engine

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"runtime"
)

//go:embed pins.json
var pinsJSON []byte

// pins are the versions and checksums of all that is ever fetched. pins.json is
// the only place that names them.
var pins = mustParsePins(pinsJSON)

type pinList struct {
	Libchdb     pinnedBinary `json:"libchdb"`
	Valkey      pinnedBinary `json:"valkey"`
	ApacheKafka pinnedJars   `json:"apache_kafka"`
}

// pinnedBinary is one version of a program that is packed once per platform.
type pinnedBinary struct {
	Version  string                   `json:"version"`
	Packages map[string]pinnedPackage `json:"packages"` // by GOOS/GOARCH
}

// pinnedPackage is one archive of a package registry.
type pinnedPackage struct {
	Name      string `json:"name"`
	Megabytes int    `json:"megabytes"` // packed, for the progress line
	SHA512    string `json:"sha512"`    // of the archive, in hex
}

// pinnedJars is a set of Java archives, complete: nothing is resolved beyond it.
type pinnedJars struct {
	Version    string      `json:"version"`
	Megabytes  int         `json:"megabytes"`
	CopyPlugin string      `json:"copy_plugin"` // group:artifact:version of the Maven plugin that copies them
	Jars       []pinnedJar `json:"jars"`
}

type pinnedJar struct {
	Group    string `json:"group"`
	Artifact string `json:"artifact"`
	Version  string `json:"version"`
	SHA256   string `json:"sha256"` // of the archive, in hex
}

// file is the name under which Maven copies the jar.
func (j pinnedJar) file() string { return j.Artifact + "-" + j.Version + ".jar" }

// forThisMachine returns the package for this operating system and processor.
func (b pinnedBinary) forThisMachine() (pinnedPackage, bool) {
	p, ok := b.Packages[platform()]
	return p, ok
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

// mustParsePins panics on a broken list: it is part of the binary, so only a
// change of the source can break it, and every test would say so.
func mustParsePins(raw []byte) pinList {
	var list pinList
	if err := json.Unmarshal(raw, &list); err != nil {
		panic(fmt.Sprintf("engine: pins.json: %v", err))
	}
	return list
}
