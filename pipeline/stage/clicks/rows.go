package clicks

import (
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// rows collects stored clicks by column.
type rows struct {
	org, program, event, source                        []string
	click, referrer, visitor, actor                    []string
	link, campaign, channel, country, locale           []string
	landing, referer, verdict, reason, currency, topic []string
	time, offset                                       []int64
	partition                                          []int32
	day                                                []int32 // days since the epoch
	metadata                                           []map[string]string
	days                                               dayCache
}

func newRows(n int) *rows {
	r := &rows{}
	for _, column := range r.texts() {
		*column = make([]string, 0, n)
	}
	r.time, r.offset = make([]int64, 0, n), make([]int64, 0, n)
	r.day = make([]int32, 0, n)
	r.metadata = make([]map[string]string, 0, n)
	return r
}

// texts are the columns that hold one string a click.
func (r *rows) texts() []*[]string {
	return []*[]string{
		&r.org, &r.program, &r.event, &r.source, &r.click, &r.referrer, &r.visitor, &r.actor, &r.link, &r.campaign,
		&r.channel, &r.country, &r.locale, &r.landing, &r.referer, &r.verdict, &r.reason, &r.currency,
	}
}

func (r *rows) add(c *event.Click, offset int64, w row) {
	r.org = append(r.org, c.OrgID)
	r.program = append(r.program, c.ProgramID)
	r.event = append(r.event, c.ID)
	r.source = append(r.source, c.Source)
	r.click = append(r.click, c.ClickID)
	r.referrer = append(r.referrer, w.referrer)
	r.visitor = append(r.visitor, c.VisitorID)
	r.actor = append(r.actor, w.actorHash)
	r.link = append(r.link, c.LinkID)
	r.campaign = append(r.campaign, c.CampaignID)
	r.channel = append(r.channel, c.Channel)
	r.country = append(r.country, c.Country)
	r.locale = append(r.locale, c.Locale)
	r.landing = append(r.landing, c.LandingURL)
	r.referer = append(r.referer, c.RefererURL)
	r.verdict = append(r.verdict, w.verdict)
	r.reason = append(r.reason, w.reason)
	r.currency = append(r.currency, w.version.Currency)
	r.time = append(r.time, c.Time)
	r.offset = append(r.offset, offset)
	r.day = append(r.day, r.days.day(c.Time, w.version.Zone))
	r.metadata = append(r.metadata, pairs(c.Metadata))
}

// noPairs stands in for the metadata of the many clicks that have none.
var noPairs = map[string]string{}

func pairs(list []event.Pair) map[string]string {
	if len(list) == 0 {
		return noPairs
	}
	m := make(map[string]string, len(list))
	for _, p := range list {
		m[p.Key] = p.Value
	}
	return m
}

func (r *rows) block(p pipeline.Partition) pipeline.Block {
	n := len(r.org)
	r.topic = make([]string, n)
	r.partition = make([]int32, n)
	for i := range n {
		r.topic[i], r.partition[i] = p.Topic, int32(p.ID)
	}
	return pipeline.Block{Table: Table, Rows: n, Columns: []pipeline.Column{
		{Name: "org_id", Data: r.org},
		{Name: "program_id", Data: r.program},
		{Name: "time", Data: r.time},
		{Name: "event_id", Data: r.event},
		{Name: "source", Data: r.source},
		{Name: "kafka_topic", Data: r.topic},
		{Name: "kafka_partition", Data: r.partition},
		{Name: "kafka_offset", Data: r.offset},
		{Name: "click_id", Data: r.click},
		{Name: "referrer_id", Data: r.referrer},
		{Name: "visitor_id", Data: r.visitor},
		{Name: "actor_hash", Data: r.actor},
		{Name: "link_id", Data: r.link},
		{Name: "campaign_id", Data: r.campaign},
		{Name: "channel", Data: r.channel},
		{Name: "country", Data: r.country},
		{Name: "locale", Data: r.locale},
		{Name: "landing_url", Data: r.landing},
		{Name: "referer_url", Data: r.referer},
		{Name: "verdict", Data: r.verdict},
		{Name: "reason", Data: r.reason},
		{Name: "currency", Data: r.currency},
		{Name: "day", Data: r.day},
		{Name: "metadata", Data: r.metadata},
	}}
}

// dayCache finds the day of a time in a zone; most clicks of a batch share a few.
// A day is kept as far as the clocks of its zone run evenly: a change can repeat
// midnight, or leave it out.
type dayCache struct {
	zone     *time.Location
	from, to int64 // ms, half-open
	date     int32
}

const dayMillis = 86_400_000

// day is the date in the program's zone, in days since the epoch.
func (d *dayCache) day(ms int64, zone *time.Location) int32 {
	if zone != d.zone || ms < d.from || ms >= d.to {
		t := time.UnixMilli(ms).In(zone)
		y, m, day := t.Date()
		date := time.Date(y, m, day, 0, 0, 0, 0, time.UTC).UnixMilli()
		_, offset := t.Zone()
		d.zone, d.date = zone, int32(date/dayMillis)
		d.from = date - int64(offset)*1000
		d.to = d.from + dayMillis
		since, until := t.ZoneBounds()
		if !since.IsZero() {
			d.from = max(d.from, since.UnixMilli())
		}
		if !until.IsZero() {
			d.to = min(d.to, until.UnixMilli())
		}
	}
	return d.date
}
