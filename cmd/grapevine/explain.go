package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

func newExplainCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "explain",
		Short:   "Say why something was decided as it was",
		Example: `  grapevine explain conversion cv-17`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageError{errors.New("say what to explain: grapevine explain conversion ID")}
		},
	}
	c.AddCommand(newExplainConversionCommand())
	return c
}

// explainFlags say which conversion is explained, and how.
type explainFlags struct {
	config, org, program, format string
}

func newExplainConversionCommand() *cobra.Command {
	var f explainFlags
	c := &cobra.Command{
		Use:   "conversion ID",
		Short: "Say why a conversion was credited to whom it was, and what came of it",
		Long: `Show all that the books hold of one conversion: its verdict, every candidate and
why it has credit or not, other clicks of the customer and why they were no
candidates, the credits by the paying and the shadow models, the rules that were
passed, the rewards with their events, and the adjustments.`,
		Example: `  grapevine explain conversion cv-17
  grapevine explain conversion --org acme --program us-store cv-17
  grapevine explain conversion --format json cv-17`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			settings, err := config.LoadSettings(f.config, os.Environ())
			if err != nil {
				return err
			}
			explained, err := f.read(cmd.Context(), settings, args[0])
			if err != nil {
				return err
			}
			if f.format == "json" {
				return explained.writeJSON(cmd.OutOrStdout())
			}
			explained.write(cmd.OutOrStdout())
			return nil
		},
	}
	c.Flags().StringVar(&f.config, "config", "", "worker configuration `file` (YAML), as for grapevine run")
	c.Flags().StringVar(&f.org, "org", "", "org of the conversion, if several have one of this id")
	c.Flags().StringVar(&f.program, "program", "", "program of the conversion, likewise")
	c.Flags().StringVar(&f.format, "format", "table", "table or json")
	return c
}

func (f *explainFlags) check() error { return checkFormat(f.format, "table", "json") }

// explained is a conversion with what decided it.
type explained struct {
	*analytics.Explanation
	settings *program.Attribution // nil: not known any more
}

func (f *explainFlags) read(ctx context.Context, settings *config.Settings, id string) (*explained, error) {
	books, err := readBooks(ctx, settings)
	if err != nil {
		return nil, err
	}
	defer books.Close() //nolint:errcheck // read only
	found, err := books.ConversionPrograms(ctx, f.org, f.program, id)
	if err != nil {
		return nil, err
	}
	of, err := theOne(found, "conversion "+printable(id), "`grapevine dead-letters list` names the events that were refused")
	if err != nil {
		return nil, err
	}
	e, err := books.Explain(ctx, of.OrgID, of.ProgramID, id)
	if err != nil {
		return nil, err
	}
	decided, err := decidedBy(ctx, books, &e.Conversion)
	if err != nil {
		return nil, err
	}
	e.Explain(decided)
	return &explained{e, decided}, nil
}

// theOne takes the only program of several that have something of one id.
func theOne(found []analytics.ProgramID, what, hint string) (analytics.ProgramID, error) {
	if len(found) == 1 {
		return found[0], nil
	}
	if len(found) == 0 {
		return analytics.ProgramID{}, fmt.Errorf("%s is not in the books; %s", what, hint)
	}
	names := make([]string, len(found))
	for i, of := range found {
		names[i] = printable(of.String())
	}
	return analytics.ProgramID{}, usageError{fmt.Errorf("%s is in %s: say which with --org and --program", what, strings.Join(names, ", "))}
}

// decidedBy finds how the version that decided a conversion attributes, in the
// configuration that the books keep for ever.
func decidedBy(ctx context.Context, books *analytics.Books, c *analytics.Conversion) (*program.Attribution, error) {
	source, err := books.Configuration(ctx, c.ConfigRevision)
	if errors.Is(err, analytics.ErrUnknownRevision) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	catalog, err := config.LoadSource(source)
	if err != nil {
		return nil, nil //nolint:nilerr // another release wrote it: what decided is not known, the rest is
	}
	p := catalog.Program(c.OrgID, c.ProgramID)
	if p == nil {
		return nil, nil
	}
	v, _ := p.At(c.Time.UnixMilli())
	return &v.Attribution, nil
}

// attributionLine is how a version attributes, in JSON.
type attributionLine struct {
	Model    program.Model           `json:"model"`
	Window   string                  `json:"window"`
	HalfLife string                  `json:"half_life"`
	Order    []program.CandidateKind `json:"order"`
	Binding  string                  `json:"binding"`
	Shadow   []program.Model         `json:"shadow"`
}

func lineOfAttribution(a *program.Attribution) *attributionLine {
	if a == nil {
		return nil
	}
	return &attributionLine{a.Model, a.Window.String(), a.HalfLife.String(), a.Order, binding(a), append([]program.Model{}, a.Shadow...)}
}

func binding(a *program.Attribution) string {
	if a.BindCustomer {
		return "customer"
	}
	return "none"
}

func (e *explained) writeJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		*analytics.Explanation
		Attribution *attributionLine `json:"attribution"` // null: not known any more
	}{e.Explanation, lineOfAttribution(e.settings)})
}
