package api_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/internal/api"
	"github.com/grapevinehq/grapevine/internal/generated"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/progress"
)

//go:generate go test . -run TestDocs -update

func indented(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// openAPI describes what the handler answers: the schemas are made from the types
// that it encodes, the rest is said here and held against the handler below.
func openAPI(t *testing.T) []byte {
	t.Helper()
	type object = map[string]any
	schemas := object{}
	for name, of := range map[string]any{"MemberProgress": progress.Progress{}, "Problem": api.Problem{}} {
		r := &jsonschema.Reflector{ExpandedStruct: true, AllowAdditionalProperties: true, Mapper: func(of reflect.Type) *jsonschema.Schema {
			if of == reflect.TypeFor[json.Number]() {
				return &jsonschema.Schema{Type: "number"}
			}
			return nil
		}}
		schema := r.Reflect(of)
		schema.Version, schema.ID = "", ""
		for inner, definition := range schema.Definitions {
			schemas[inner] = definition
		}
		schema.Definitions = nil
		schemas[name] = schema
	}
	id := func(name, in string, required bool, description string, schema object) object {
		return object{"name": name, "in": in, "required": required, "description": description, "schema": schema}
	}
	answer := func(description, kind, schema string) object {
		return object{"description": description, "content": object{kind: object{"schema": object{"$ref": "#/components/schemas/" + schema}}}}
	}
	problem := func(description string) object { return answer(description, "application/problem+json", "Problem") }
	text := indented(t, object{
		"openapi": "3.1.1",
		"info": object{
			"title": "Grapevine", "version": "1", "license": object{"name": "Apache 2.0", "identifier": "Apache-2.0"},
			"description": "How far members are in the programs of an org.",
		},
		"servers": []object{{"url": "http://127.0.0.1:8080", "description": "A worker"}},
		"paths": object{"/v1/orgs/{org}/programs/{program}/members/{member}": object{"get": object{
			"operationId": "getMember", "summary": "How far a member is in a program",
			"description": "Metrics of each tiers rule in its period, tiers held, the next one and what is missing, and rewards by status. A member who has nothing yet has zeros.",
			"parameters": []object{
				id("org", "path", true, "Org; the token must be one of its own", object{"type": "string"}),
				id("program", "path", true, "Program of the org", object{"type": "string"}),
				id("member", "path", true, "Member, percent-encoded", object{"type": "string", "maxLength": event.MaxIDBytes}),
				id("at", "query", false, "The time that chooses the version and the periods; now by default", object{"type": "string", "format": "date-time"}),
			},
			"responses": object{
				"200": answer("The member's progress", "application/json", "MemberProgress"),
				"400": problem("The time or the member's id cannot be read"),
				"401": problem("No token, or one that is not known"),
				"404": problem("No such program, or a token of another org"),
				"503": problem("The worker is starting, or the books do not answer; Retry-After says when to come again"),
			},
		}}},
		"components": object{"schemas": schemas, "securitySchemes": object{"token": object{"type": "http", "scheme": "bearer"}}},
		"security":   []object{{"token": []string{}}},
	})
	return bytes.ReplaceAll(text, []byte(`"#/$defs/`), []byte(`"#/components/schemas/`))
}

func TestDocs_openAPI(t *testing.T) {
	generated.UpToDate(t, "../../docs/openapi.json", openAPI(t), "./internal/api")
}

// compiled is a JSON Schema out of a document, at a place in it.
func compiled(t *testing.T, document any, at string) *validator.Schema {
	t.Helper()
	c := validator.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("document.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("document.json" + at)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// plain is a JSON text as validators take it.
func plain(t *testing.T, text []byte) any {
	t.Helper()
	v, err := validator.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDocs_openAPI_is_what_its_specification_says(t *testing.T) {
	text, err := os.ReadFile("testdata/openapi-3.1.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var specification any
	if err := yaml.Unmarshal(text, &specification); err != nil {
		t.Fatal(err)
	}
	schema := compiled(t, plain(t, indented(t, specification)), "")
	if err := schema.Validate(plain(t, openAPI(t))); err != nil {
		t.Errorf("docs/openapi.json: %v", err)
	}
	if schema.Validate(plain(t, []byte(`{"openapi": "3.1.0", "info": {"title": "no version"}, "paths": {}}`))) == nil {
		t.Error("the specification takes anything")
	}
}

// example answers about a member of the repository's programs.
func example(t *testing.T) *desk {
	t.Helper()
	catalog, err := config.LoadPrograms("../../programs.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(nil)
	d.books.answer = progress.Answer{
		Member: progress.Member{Known: true, Status: event.Active, Locale: "de"},
		Sums:   []progress.Sum{{Kind: event.KindSale, PPM: 3_500_000, Minor: big.NewInt(21_000)}},
		Rewards: []progress.Rewards{
			{Balance: progress.Balance{Currency: "EUR", Earned: 1150, Pending: 250, Approved: 800, Reversed: 100, Fulfilled: 500, Net: 1050}},
			{Of: progress.Tier{RuleID: "milestones", Period: "lifetime", TierID: "bronze"}, Balance: progress.Balance{Unit: "points", Earned: 500, Approved: 500, Net: 500}},
		},
	}
	d.Open(api.Source{Programs: func() *program.Catalog { return catalog }, Books: d.books})
	return d
}

// The example of the page is what the handler answers.
func TestDocs_example(t *testing.T) {
	const path = "../../docs/api.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w := example(t).ask("GET", "/v1/orgs/acme/programs/eu-store/members/ana", acme)
	var laidOut bytes.Buffer
	if err := json.Indent(&laidOut, w.Body.Bytes(), "", "  "); err != nil || w.Code != http.StatusOK {
		t.Fatalf("status %d, %v", w.Code, err)
	}
	const first, last = "<!-- example:begin -->\n", "<!-- example:end -->"
	before, rest, found := strings.Cut(string(page), first)
	_, after, closed := strings.Cut(rest, last)
	if !found || !closed {
		t.Fatal("the page has no marks")
	}
	generated.UpToDate(t, path, []byte(before+first+"```json\n"+strings.TrimSpace(laidOut.String())+"\n```\n"+last+after), "./internal/api")
}

// Whatever the handler answers is as the document describes it.
func TestDocs_openAPI_describes_every_answer(t *testing.T) {
	document := plain(t, openAPI(t))
	starting := &desk{Handler: api.New(newDesk(nil).Options)}
	shop := newDesk(nil)
	shop.books.answer = progress.Answer{Sums: []progress.Sum{{Kind: event.KindSale, PPM: 2_250_000, Minor: new(big.Int)}}}
	for _, c := range []struct {
		desk          *desk
		target, token string
		status        int
		schema        string
	}{
		{example(t), "/v1/orgs/acme/programs/eu-store/members/ana", acme, 200, "MemberProgress"},
		{example(t), "/v1/orgs/acme/programs/partners/members/ana?at=" + time.Now().UTC().Format(time.RFC3339), acme, 200, "MemberProgress"},
		{shop, ann, acme, 200, "MemberProgress"},
		{shop, ann + "?at=x", acme, 400, "Problem"},
		{shop, ann, "", 401, "Problem"},
		{shop, ann, globex, 404, "Problem"},
		{starting, ann, acme, 503, "Problem"},
	} {
		w := c.desk.ask("GET", c.target, c.token)
		if w.Code != c.status {
			t.Errorf("%s: status %d, want %d", c.target, w.Code, c.status)
		}
		if err := compiled(t, document, "#/components/schemas/"+c.schema).Validate(plain(t, w.Body.Bytes())); err != nil {
			t.Errorf("%s: %v", c.target, err)
		}
	}
	if compiled(t, document, "#/components/schemas/MemberProgress").Validate(plain(t, []byte(`{"org_id": "acme"}`))) == nil {
		t.Error("the schema takes anything")
	}
}
