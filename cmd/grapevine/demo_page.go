package main

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// topReferrers are as many as leave the page 24 lines high.
const topReferrers = 4

// page is a frame as a terminal of 80 columns shows it.
func (s *demoScreen) page(f *demoFrame) string {
	var b strings.Builder
	in, done := f.rates()
	booked, sent := f.booked(), f.made.Truth
	title := fmt.Sprintf("Grapevine demo, running %s", f.took.Truncate(time.Second))
	hint := "Ctrl-C ends all of it"
	if s.ending {
		hint = "ending, the pipeline works what is left"
	}
	fmt.Fprintf(&b, "%s%*s\n", s.bold(title), 78-len(title), hint)
	if trouble := f.trouble(); trouble != "" {
		fmt.Fprintf(&b, "%s  %s", s.bold("Trouble   "), trouble)
	}
	b.WriteByte('\n')

	fmt.Fprintf(&b, "%s  sent %s/s   worked %s/s   behind by %s\n", s.bold("Events    "),
		formatCount(int64(in)), formatCount(int64(done)), formatCount(f.status.Kafka.Lag))

	fmt.Fprintf(&b, "%s  %12s %12s %12s %12s\n", s.bold("Clicks    "), "unique", "duplicate", "bot", "redelivered")
	fmt.Fprintf(&b, "%s  %12s %12s %12s %12s\n", s.dim("  sent    "), formatCount(sent.UniqueClicks), formatCount(sent.DuplicateClicks), formatCount(sent.BotClicks), formatCount(sent.RedeliveredClicks))
	fmt.Fprintf(&b, "%s  %12s %12s %12s %12s\n\n", s.dim("  booked  "), formatCount(booked.UniqueClicks), formatCount(booked.DuplicateClicks), formatCount(booked.BotClicks), "dropped")

	fmt.Fprintf(&b, "%s  %s sent, %s booked, %s attributed\n", s.bold("Conversions"), formatCount(sent.Conversions), formatCount(booked.Conversions), formatCount(booked.AttributedConversions))
	fmt.Fprintf(&b, "%s  %s earned, worth %s\n\n", s.bold("Rewards    "), formatCount(booked.RewardsEarned), f.costs())

	s.pageLeaders(&b, f)
	b.WriteString("\n" + s.connections())
	return b.String()
}

// pageLeaders writes the referrers with most conversions.
func (s *demoScreen) pageLeaders(b *strings.Builder, f *demoFrame) {
	currency := currencies(f.totals)
	fmt.Fprintf(b, "%s %11s %18s %16s\n", s.bold(fmt.Sprintf("%-30s", "Top referrers")), "conversions", "revenue", "rewards")
	for i := range topReferrers {
		if i >= len(f.leaders) {
			b.WriteByte('\n')
			continue
		}
		l := f.leaders[i]
		c := currency[programID{l.OrgID, l.ProgramID}]
		name := shortened(printable(l.ReferrerID+"  "+l.OrgID+"/"+l.ProgramID), 28)
		fmt.Fprintf(b, "  %-28s %11s %18s %16s\n", name, formatCredits(l.Conversions), formatMoney(l.RevenueMinor, c), formatMoney(l.RewardCostMinor, c))
	}
}

// connections tells how to look around with other clients.
func (s *demoScreen) connections() string {
	ch := s.engines.ClickHouse
	return fmt.Sprintf(`Kafka       %-28s Redis  redis://%s
ClickHouse  clickhouse://default@%s/referral
            http://%s/?user=default
Worker      http://%s/readyz and /metrics
%sLog         %s
`, s.engines.Kafka.Addr, s.engines.Redis.Addr, ch.Addr, ch.HTTPAddr, s.demo.settings.HTTP.Addr, s.demo.member(), s.demo.logPath)
}

// member tells how to ask for the progress of a member, with the token of this
// demo.
func (d *demo) member() string {
	if len(d.options.Programs) == 0 {
		return ""
	}
	p := d.options.Programs[0]
	path := "/v1/orgs/" + url.PathEscape(p.OrgID) + "/programs/" + url.PathEscape(p.ID) + "/members/member-0"
	return fmt.Sprintf("Member      GET %s with\n            Authorization: Bearer %s\n", path, d.settings.HTTP.Tokens[p.OrgID][0].Reveal())
}

func (s *demoScreen) bold(text string) string { return s.styled("1", text) }
func (s *demoScreen) dim(text string) string  { return s.styled("2", text) }

func (s *demoScreen) styled(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
