// Package schema validates events against the JSON Schemas of docs/schemas. It
// is for tests.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/grapevinehq/grapevine/docs"
)

// Validate checks a structured-mode event against the schema of its own type. An
// event whose type has no schema is an error.
func Validate(event []byte) error {
	var named struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(event, &named); err != nil {
		return fmt.Errorf("read the event's type: %w", err)
	}
	s, err := compiled(named.Type)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(event))
	if err != nil {
		return fmt.Errorf("read the event: %w", err)
	}
	if err := s.Validate(value); err != nil {
		return fmt.Errorf("%s: %w", named.Type, err)
	}
	return nil
}

var schemas sync.Map // by type, *jsonschema.Schema

func compiled(name string) (*jsonschema.Schema, error) {
	if s, ok := schemas.Load(name); ok {
		return s.(*jsonschema.Schema), nil
	}
	text, err := docs.Schemas.ReadFile("schemas/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("event type %q: %w", name, err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", name, err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	url := "urn:grapevine:schema:" + name
	if err := c.AddResource(url, document); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", name, err)
	}
	s, err := c.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", name, err)
	}
	schemas.Store(name, s)
	return s, nil
}
