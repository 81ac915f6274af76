package judge

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// excuses are why a candidate may have no say.
var excuses = []string{"self_referral", "same_email", "banned", "outside_window", "unknown_coupon", "unknown_click", "outranked"}

// considered is a candidate as the books name it: kind/referrer/click.
type considered struct{ kind, referrer, excuse string }

// candidates holds what a row says of candidates against who got credit: each touch that
// counts is one without an excuse, and nobody else is; excuses are of those that there
// are, and true where the row itself shows it. What was known of others at that moment is
// not gone through again.
func (t *trial) candidates(e *event, d *decision, row Row) {
	if row == nil {
		return
	}
	key := e.place.String() + " candidates"
	list, problem := consideredIn(row)
	if problem != "" {
		t.differ("conversions", key, "candidates, each with its excuse or none", problem)
		return
	}
	want, got := map[string]int64{}, map[string]int64{}
	if d.credit != nil {
		for _, r := range d.credit.referrers {
			if want[r.referrer] = r.touches; d.bound {
				want[r.referrer] = 1
			}
		}
	}
	for _, c := range list {
		if c.excuse == "" {
			got[c.referrer]++
		}
		if (c.kind == "bound") != d.bound || c.excuse == "self_referral" && c.referrer != e.texts["customer_id"] || c.excuse == "outranked" && len(got) == 0 {
			t.differ("conversions", key, "candidates of the conversion's own, and true excuses", fmt.Sprintf("%+v", c))
		}
	}
	if !maps.Equal(want, got) {
		t.differ("conversions", key, "those without an excuse: "+fmt.Sprint(want), fmt.Sprint(got))
	}
}

// consideredIn reads the candidates of a row; problem says what cannot be read.
func consideredIn(row Row) (list []considered, problem string) {
	candidates, _ := row["candidates"].([]string)
	skipped, _ := row["skipped"].([]string)
	if len(candidates) != len(skipped) {
		return nil, fmt.Sprintf("%d candidates and %d excuses", len(candidates), len(skipped))
	}
	for i, text := range candidates {
		parts := strings.Split(text, "/")
		if len(parts) != 3 || !slices.Contains([]string{"coupon", "click", "touch", "bound"}, parts[0]) || skipped[i] != "" && !slices.Contains(excuses, skipped[i]) {
			return nil, text + " " + skipped[i]
		}
		referrer, err := url.PathUnescape(parts[1])
		if err != nil {
			return nil, text
		}
		list = append(list, considered{parts[0], referrer, skipped[i]})
	}
	return list, ""
}
