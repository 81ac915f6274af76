package config

import (
	"fmt"
	"reflect"

	"github.com/grapevinehq/grapevine/config/strict"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Programs is what the files of programs say.
type Programs struct {
	Catalog *program.Catalog
	// Warnings are what can be carried out and is hardly meant, by place.
	Warnings []Problem

	parts []*ProgramsFile
	orgs  []*OrgSpec // of all files, brought together
}

// ReadPrograms reads a file or a folder of files (.yaml, .yml). A *Problems
// lists every fault with file, line and column; other errors are files that
// could not be read.
func ReadPrograms(path string) (*Programs, error) {
	files, err := readSource(path)
	if err != nil {
		return nil, err
	}
	return newCompiler().compile(files)
}

// LoadPrograms is [ReadPrograms] for who wants the catalog alone.
func LoadPrograms(path string) (*program.Catalog, error) {
	programs, err := ReadPrograms(path)
	if err != nil {
		return nil, err
	}
	return programs.Catalog, nil
}

// LoadSource makes the catalog of an earlier revision again from its Source;
// it is the same but for the folder that its positions name. What was taken
// once is taken again, also when a newer release would advise against it.
func LoadSource(source []byte) (*program.Catalog, error) {
	files, err := unpack(source)
	if err != nil {
		return nil, fmt.Errorf("load a revision of %d bytes: %w", len(source), err)
	}
	c := newCompiler()
	c.again = true
	programs, err := c.compile(files)
	if err != nil {
		return nil, err
	}
	return programs.Catalog, nil
}

// compile goes from text to catalog: parse and decode each file, bring the
// orgs together, then check and compile what they hold.
func (c *compiler) compile(files []sourceFile) (*Programs, error) {
	out := &Programs{}
	for _, f := range files {
		if part := c.decodeFile(f); part != nil {
			out.parts = append(out.parts, part)
		}
	}
	out.orgs = c.orgs(out.parts)
	out.Catalog = c.catalog(out.parts, out.orgs)
	if err := c.problems.Err(); err != nil {
		return nil, err
	}
	out.Warnings = c.problems.Warnings
	out.Catalog.Source = pack(files)
	out.Catalog.Revision = revision(out.Catalog.Source)
	return out, nil
}

func (c *compiler) decodeFile(f sourceFile) *ProgramsFile {
	if c.problems.Full() {
		return nil
	}
	root := strict.Parse(f.path, f.text, c.problems)
	if root == nil {
		c.unread = true
		return nil
	}
	if c.read += root.Values(); c.read > strict.MaxValues {
		c.problems.Add(root.Pos, "", "with this file there are more than %d values; at most so many are read", strict.MaxValues)
		c.unread = true
		return nil
	}
	part := &ProgramsFile{}
	c.decoder.Decode(root, "", part)
	return part
}

// decoder reads program files. A version is read when its template is known,
// and a template need not be complete.
func decoder(problems *Problems) *strict.Decoder {
	return &strict.Decoder{
		Enums:        enums,
		Problems:     problems,
		RawTypes:     map[reflect.Type]bool{reflect.TypeFor[VersionSpec](): true},
		PartialTypes: map[reflect.Type]bool{reflect.TypeFor[TemplateSpec](): true},
	}
}
