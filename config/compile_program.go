package config

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/grapevinehq/grapevine/config/strict"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Defaults of a version (§3, §4).
const (
	defaultDedupeWindow = time.Hour
	defaultWindow       = 720 * time.Hour
	defaultHalfLife     = 168 * time.Hour
	defaultGrace        = 2 * time.Second
	defaultLocale       = "en"
)

const (
	// maxGrace bounds a wait that holds up a whole partition.
	maxGrace = 24 * time.Hour
	// longDedupe is worth a warning: Redis remembers every click as long as that.
	longDedupe = 366 * 24 * time.Hour
)

var defaultOrder = []program.CandidateKind{program.CandidateCoupon, program.CandidateClick, program.CandidateTouch}

func (c *compiler) program(spec *ProgramSpec, org string, s *scope, path string) *program.Program {
	out := &program.Program{OrgID: org, ID: string(spec.ID), Name: spec.Name, Team: string(spec.Team)}
	c.known(spec.Team, s.teams, "team", spec.Where("team"), path)
	var template *strict.Node
	if spec.Template != "" {
		if template = s.templates[spec.Template]; template == nil && !c.unread {
			c.unknown(spec.Template, slices.Collect(maps.Keys(s.templates)), "template", spec.Where("template"), path)
		}
	}
	var versions []placedVersion
	var merged []mergedVersion
	for i := range spec.Versions {
		node := spec.Versions[i].Node()
		if node == nil {
			continue // was no map
		}
		version := &VersionSpec{}
		at := path + ".versions[" + strconv.Itoa(i) + "]"
		c.versions.Decode(strict.Merge(template, node), at, version)
		rules := c.rulesOf(version, s, at)
		compiled := c.version(version, rules, at)
		c.together(version, rules, spec, s, at)
		merged = append(merged, mergedVersion{version, rules})
		if !version.ValidFrom.IsZero() { // else reported already
			versions = append(versions, placedVersion{compiled, version.Where("valid_from")})
		}
	}
	out.Versions = c.inOrder(versions, path)
	c.overVersions(merged, path)
	out.Goals = c.goals(spec, out.Versions, path)
	return out
}

// mergedVersion is a version with its template, and its rules.
type mergedVersion struct {
	*VersionSpec
	rules []*compiledRule
}

type placedVersion struct {
	*program.Version
	at strict.Pos
}

// inOrder sorts the versions by time and reports those that overlap: two
// versions must never both decide one event.
func (c *compiler) inOrder(versions []placedVersion, path string) []*program.Version {
	slices.SortStableFunc(versions, func(a, b placedVersion) int { return cmp.Compare(a.ValidFrom, b.ValidFrom) })
	out := make([]*program.Version, len(versions))
	for i, v := range versions {
		out[i] = v.Version
		if i == 0 {
			continue
		}
		before := versions[i-1]
		switch {
		case before.ValidFrom == v.ValidFrom:
			c.problems.Add(v.at, path, "two versions begin at %s; the other is at %s", v.ValidFromRaw, before.at)
		case before.ValidTo > v.ValidFrom:
			c.problems.Add(v.at, path, "the version from %s overlaps the one from %s, which ends later", v.ValidFromRaw, before.ValidFromRaw)
		}
	}
	return out
}

func (c *compiler) goals(spec *ProgramSpec, versions []*program.Version, path string) (out []program.Goal) {
	once := c.distinct("goal")
	for i := range spec.Goals {
		g := &spec.Goals[i]
		at := path + ".goals[" + string(g.ID) + "]"
		once.first(g.ID, g.Where("id"), at)
		if g.Has("from") && g.Has("to") && !g.From.Before(g.To.Time) {
			c.problems.Add(g.Where("to"), at, "`to` must be later than `from`")
		} else if !anyValid(versions, g.From.UnixMilli(), g.To.UnixMilli()) {
			c.problems.Warn(g.Where("from"), at, "no version is valid between `from` and `to`: nothing will count")
		}
		out = append(out, program.Goal{
			ID: string(g.ID), Metric: g.Metric, Target: g.Target, From: g.From.UnixMilli(), To: g.To.UnixMilli(),
		})
	}
	return out
}

// anyValid says whether one of the versions is valid at some time of a span.
func anyValid(versions []*program.Version, from, to int64) bool {
	return slices.ContainsFunc(versions, func(v *program.Version) bool {
		return v.ValidFrom < to && (v.ValidTo == 0 || from < v.ValidTo)
	})
}

func (c *compiler) version(spec *VersionSpec, rules []*compiledRule, path string) *program.Version {
	out := &program.Version{
		ValidFrom:    spec.ValidFrom.UnixMilli(),
		ValidFromRaw: instant(spec.ValidFrom),
		Currency:     string(spec.Currency),
		Locale:       cmp.Or(string(spec.Locale), defaultLocale),
		Zone:         cmp.Or(spec.Timezone.Location, time.UTC),
		DedupeWindow: orDefault(spec.DedupeWindow, defaultDedupeWindow),
		Margin:       spec.Margin,
		Attribution:  c.attribution(spec, path+".attribution"),
	}
	if out.DedupeWindow > longDedupe {
		c.problems.Warn(spec.Where("dedupe_window"), path, "Redis remembers the clicks of every program for the longest `dedupe_window`, here %s", spec.DedupeWindow)
	}
	if spec.ValidTo != nil {
		out.ValidTo = spec.ValidTo.UnixMilli()
		if out.ValidTo <= out.ValidFrom {
			c.problems.Add(spec.Where("valid_to"), path, "`valid_to` must be later than `valid_from`")
		}
	}
	out.Rules = make([]*program.Rule, len(rules))
	for i, r := range rules {
		out.Rules[i] = r.rule
	}
	return out
}

func (c *compiler) attribution(v *VersionSpec, path string) program.Attribution {
	spec := &v.Attribution
	out := program.Attribution{
		Model:        cmp.Or(spec.Model, program.LastClick),
		Window:       orDefault(spec.Window, defaultWindow),
		HalfLife:     orDefault(spec.HalfLife, defaultHalfLife),
		Order:        spec.Order,
		BindCustomer: spec.Binding != "none",
		Grace:        orDefault(v.AttributionGrace, defaultGrace),
		MaxWait:      orDefault(v.AttributionMaxWait, 0),
	}
	if len(out.Order) == 0 {
		out.Order = defaultOrder
	}
	if out.Window == 0 {
		c.problems.Warn(spec.Where("window"), path, "a `window` of 0 lets only a touch at the very time of a conversion count")
	}
	if out.Grace > maxGrace {
		c.doubt(v.Where("attribution_grace"), path, "`attribution_grace` must be at most %s: every conversion waits for it", maxGrace)
	}
	if out.HalfLife <= 0 {
		c.problems.Add(spec.Where("half_life"), path, "`half_life` must be more than 0")
	}
	if v.AttributionMaxWait != nil && out.MaxWait == 0 {
		c.problems.Add(v.Where("attribution_max_wait"), path, "`attribution_max_wait` must be more than 0; leave it out to wait as long as it takes")
	}
	c.noRepetition(texts(spec.Order), spec.Where("order"), path+".order")
	c.noRepetition(texts(spec.Shadow), spec.Where("shadow"), path+".shadow")
	for _, m := range spec.Shadow {
		// A template's shadow list may name the model that a version pays by.
		if m != out.Model {
			out.Shadow = append(out.Shadow, m)
		}
	}
	return out
}

func (c *compiler) noRepetition(values []string, at strict.Pos, path string) {
	seen := make(map[string]bool, len(values))
	for _, v := range values {
		if v != "" && seen[v] {
			c.problems.Add(at, path, "names %q twice", v)
		}
		seen[v] = true
	}
}

func texts[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

func orDefault(d *time.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return *d
}

// instant is a time as reward data and messages show it.
func instant(t Time) string { return t.UTC().Format(time.RFC3339Nano) }
