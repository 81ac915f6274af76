package config

import (
	"fmt"
	"reflect"

	"github.com/grapevinehq/grapevine/config/strict"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// LoadPrograms reads a file or a folder of files (.yaml, .yml) into a catalog.
// A *Problems lists every fault with file, line and column; other errors are
// files that could not be read.
func LoadPrograms(path string) (*program.Catalog, error) {
	files, err := readSource(path)
	if err != nil {
		return nil, err
	}
	return compile(files, pack(files))
}

// LoadSource makes the catalog of an earlier revision again from its Source;
// it is the same but for the folder that its positions name.
func LoadSource(source []byte) (*program.Catalog, error) {
	files, err := unpack(source)
	if err != nil {
		return nil, fmt.Errorf("load a revision of %d bytes: %w", len(source), err)
	}
	return compile(files, source)
}

// compile goes from text to catalog: parse and decode each file, bring the
// orgs together, then check and compile what they hold.
func compile(files []sourceFile, source []byte) (*program.Catalog, error) {
	c := newCompiler()
	var parts []*ProgramsFile
	for _, f := range files {
		if part := c.decodeFile(f); part != nil {
			parts = append(parts, part)
		}
	}
	catalog := c.catalog(parts)
	if err := c.problems.Err(); err != nil {
		return nil, err
	}
	catalog.Source = source
	catalog.Revision = revision(source)
	return catalog, nil
}

func (c *compiler) decodeFile(f sourceFile) *ProgramsFile {
	root := strict.Parse(f.path, f.text, c.problems)
	if root == nil {
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
