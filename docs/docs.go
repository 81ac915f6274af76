// Package docs holds the documents for machines that the documentation has, so
// that tests can hold the code against them: a JSON Schema of each event, and the
// AsyncAPI document of the topics.
package docs

import "embed"

// Schemas has schemas/<type>.json, JSON Schema 2020-12, for every event type of
// the contract's §2: the whole event in structured mode.
//
//go:embed schemas
var Schemas embed.FS

// AsyncAPI is the AsyncAPI 3 document of the topics.
//
//go:embed asyncapi.yaml
var AsyncAPI []byte
