package cases

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline/offline"
)

// teller tells what came of a run, by section.
type teller struct {
	came     map[string][]string
	seen     map[string]int       // rows, messages and letters that were told of, by table or topic
	standing map[string]*standing // rewards by name
}

// tell tells what is new. What one line brings about in several partitions has no
// order of its own: it is told by name.
func (t *teller) tell(run *offline.Run) error {
	t.tellClicks(run)
	t.tellConversions(run)
	t.tellAdjustments(run)
	if err := t.tellRewards(run); err != nil {
		return err
	}
	if err := t.tellSegments(run); err != nil {
		return err
	}
	letters := run.Letters()
	var told []string
	for _, l := range letters[t.seen["letters"]:] {
		told = append(told, fmt.Sprintf("%s %s", or(l.EventID, l.Position.Topic), l.Reason))
	}
	t.seen["letters"] = len(letters)
	t.add("dead letters", told)
	return nil
}

// add adds lines of one moment, in the order of what they are about: the lines of
// one subject stay as they came.
func (t *teller) add(section string, told []string) {
	slices.SortStableFunc(told, func(a, b string) int { return slices.Compare(subject(a), subject(b)) })
	t.came[section] = append(t.came[section], told...)
}

// subject is the word that a line is about, part by part: the second where a verb
// comes first.
func subject(line string) []string {
	words := strings.SplitN(line, " ", 3)
	if len(words) > 1 && strings.Contains(words[1], "/") {
		return strings.Split(words[1], "/")
	}
	return strings.Split(words[0], "/")
}

// fresh are the rows of a table that nobody has seen.
func (t *teller) fresh(run *offline.Run, table string) []offline.Row {
	all := run.Rows(table)
	rows := all[t.seen[table]:]
	t.seen[table] = len(all)
	return rows
}

// named is an id as a case has it: with its org and program when they are not the
// usual ones.
func named(r offline.Row, id string) string { return scope(r["org_id"], r["program_id"]) + id }

func scope(org, program any) string {
	if org == "acme" && (program == "shop" || program == "") {
		return ""
	}
	return fmt.Sprintf("%v/%v/", org, program)
}

func (t *teller) tellClicks(run *offline.Run) {
	var told []string
	for _, r := range t.fresh(run, "clicks") {
		told = append(told, named(r, r["event_id"].(string))+" "+r["verdict"].(string)+bracketed(r["reason"]))
	}
	t.add("clicks", told)
}

func bracketed(reason any) string {
	if reason == "" || reason == nil {
		return ""
	}
	return fmt.Sprintf(" (%v)", reason)
}

func (t *teller) tellConversions(run *offline.Run) {
	credits := map[string]string{} // by event and model
	for _, r := range t.fresh(run, "attributions") {
		key := fmt.Sprint(named(r, r["event_id"].(string)), " ", r["model"], " ", r["paying"])
		credits[key] += fmt.Sprintf(", %v %d", r["referrer_id"], r["credit_ppm"])
		if n := r["amount_minor"].(int64); n != 0 {
			credits[key] += " " + major(n, currencyOf(run, r["event_id"]))
		}
	}
	var told, shadow, considered []string
	for _, r := range t.fresh(run, "conversions") {
		name := named(r, r["event_id"].(string))
		line := name + " " + r["verdict"].(string) + bracketed(r["reason"])
		for key, credit := range credits {
			id, model, _ := strings.Cut(key, " ")
			model, paying, _ := strings.Cut(model, " ")
			switch {
			case id != name:
			case paying == "1":
				line += ":" + credit[1:]
			default:
				shadow = append(shadow, name+" "+model+":"+credit[1:])
			}
		}
		told = append(told, line)
		considered = append(considered, candidates(name, r)...)
	}
	slices.Sort(shadow)
	t.add("credits", told)
	t.add("shadow", shadow)
	t.add("considered", considered)
}

// currencyOf is the currency of the program that a conversion belongs to.
func currencyOf(run *offline.Run, id any) string {
	for _, r := range run.Rows("conversions") {
		if r["event_id"] == id {
			return r["currency"].(string)
		}
	}
	return ""
}

// candidates tell who was considered for a conversion, and why not.
func candidates(name string, r offline.Row) (told []string) {
	skipped := r["skipped"].([]string)
	for i, c := range r["candidates"].([]string) {
		var words []string
		for _, word := range strings.Split(c, "/") {
			if word, err := url.PathUnescape(word); err == nil && word != "" {
				words = append(words, word)
			}
		}
		line := name + " " + strings.Join(words, " ")
		if skipped[i] != "" {
			line += ": " + skipped[i]
		}
		told = append(told, line)
	}
	return told
}

func (t *teller) tellAdjustments(run *offline.Run) {
	var told []string
	for _, r := range t.fresh(run, "adjustments") {
		line := fmt.Sprintf("%s of %v: %s", named(r, r["event_id"].(string)), r["conversion_id"], major(r["amount_minor"].(int64), r["currency"].(string)))
		if r["counts_after"] == uint8(0) {
			line += ", no longer counts"
		}
		told = append(told, line)
	}
	t.add("adjustments", told)
}

func (t *teller) tellSegments(run *offline.Run) error {
	messages := run.Messages("referral.segments")
	var told []string
	for _, m := range messages[t.seen["segments"]:] {
		var e struct {
			OrgID string
			Type  string
			Data  struct {
				Member  string `json:"member_id"`
				Segment string `json:"segment_id"`
			}
		}
		if err := json.Unmarshal(m.Value, &e); err != nil {
			return err
		}
		verb := strings.TrimSuffix(strings.TrimPrefix(e.Type, "referral.segment."), ".v1")
		told = append(told, fmt.Sprintf("%s%s %s %s", scope(e.OrgID, ""), e.Data.Member, verb, e.Data.Segment))
	}
	t.seen["segments"] = len(messages)
	t.add("segments", told)
	return nil
}
