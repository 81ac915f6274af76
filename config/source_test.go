package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

func TestLoadSource_gives_the_same_catalog_again(t *testing.T) {
	first := load(t, "testdata/golden")
	again, err := LoadSource(first.Source)
	if err != nil {
		t.Fatal(err)
	}
	if again.Revision != first.Revision || len(first.Revision) != 64 {
		t.Errorf("revision %s, then %s", first.Revision, again.Revision)
	}
	if strip(again); !reflect.DeepEqual(again, strip(first)) {
		t.Errorf("another catalog:\n%+v\n%+v", again, first)
	}
}

// A later release may advise against what an earlier one took: batches that it
// decided must be carried out all the same.
func TestLoadSource_takes_again_what_is_now_doubted(t *testing.T) {
	files := []sourceFile{{"p.yaml", "p.yaml", []byte(`version: 1
orgs:
  - id: o
    programs:
      - id: p
        versions: [{valid_from: 2026-01-01T00:00:00Z, currency: EUR, attribution_grace: 25h}]
`)}}
	_, err := newCompiler().compile(files)
	if err == nil || strings.Count(err.Error(), "\n") != 0 {
		t.Errorf("error %v", err)
	}
	if c, err := LoadSource(pack(files)); err != nil || c.Program("o", "p").Versions[0].Attribution.Grace != 25*time.Hour {
		t.Errorf("error %v", err)
	}
}

// strip takes away what differs: positions and compiled code.
func strip(c *program.Catalog) *program.Catalog {
	for _, org := range c.Orgs {
		for i := range org.Segments {
			if org.Segments[i].When != nil {
				org.Segments[i].When.Program = nil
			}
		}
		for _, p := range org.Programs {
			for _, v := range p.Versions {
				for _, r := range v.Rules {
					r.File = ""
					if r.When != nil {
						r.When.Program = nil
					}
				}
			}
		}
	}
	return c
}

func TestRevision_is_of_the_bytes_and_not_of_the_place(t *testing.T) {
	one, other := t.TempDir(), t.TempDir()
	write(t, one, "programs.yaml", "version: 1\n")
	write(t, other, "programs.yaml", "version: 1\n")
	file, folder := load(t, one+"/programs.yaml"), load(t, other)
	if file.Revision != folder.Revision {
		t.Error("the place changes the revision")
	}
	write(t, other, "programs.yaml", "version: 1 # now\n")
	if load(t, other).Revision == folder.Revision {
		t.Error("a changed byte does not change the revision")
	}
}

func TestSource_survives_any_bytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var files []sourceFile
		for range rapid.IntRange(1, 4).Draw(t, "files") {
			name := rapid.StringMatching(`[a-z /]{1,9}\.yaml`).Draw(t, "name")
			text := rapid.SliceOf(rapid.Byte()).Draw(t, "text")
			files = append(files, sourceFile{name, name, append([]byte{}, text...)})
		}
		got, err := unpack(pack(files))
		if err != nil || len(got) != len(files) {
			t.Fatal(err)
		}
		for i := range files {
			if got[i].name != files[i].name || string(got[i].text) != string(files[i].text) {
				t.Fatalf("file %d: %q", i, got[i])
			}
		}
	})
}

func FuzzLoadSource(f *testing.F) {
	f.Add([]byte(sourceHeader + "file 11 a.yaml\nversion: 1\n\n"))
	f.Add(pack([]sourceFile{{name: "a", text: []byte("version: 1\norgs: [{id: a, programs: [{id: p, versions: [&x {<<: *x}]}]}]")}}))
	f.Add([]byte(sourceHeader + "file 99999999999 a\n"))
	f.Fuzz(func(t *testing.T, source []byte) {
		c, err := LoadSource(source)
		if err == nil && c.Revision != revision(source) {
			t.Errorf("revision %s", c.Revision)
		}
	})
}
