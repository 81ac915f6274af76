package simulate

import (
	"errors"
	"fmt"
	"time"
)

// Program that traffic is made for.
type Program struct {
	OrgID, ID    string
	Currency     string        // ISO 4217: conversions are in it
	DedupeWindow time.Duration // the shortest of its versions
}

// Options of a simulation.
type Options struct {
	// Seed decides the population (visitors, their programs, referrers) and what
	// they do. Together with Start it decides every byte.
	Seed uint64
	// Start names the run: event ids and links carry it, so that no two runs share
	// a key. Without a Rate it is also the time of the first click.
	Start time.Time
	// Span of the times of the clicks, without a Rate.
	Span     time.Duration
	Programs []Program

	Clicks      int     // click events in all; negative: without end
	Duplicates  float64 // share of clicks that repeat a counted one within its window
	Redelivered float64 // share of clicks that are written a second time
	Bots        float64 // share of clicks by crawlers
	Conversions int     // in all
	PerClick    float64 // conversions for each click, instead of Conversions, when clicks have no end
	Members     int     // updates of members, before anything else
	Visitors    int     // people who click
	Referrers   int     // people who are clicked on, over all orgs; the first Members of them are members
	Codes       float64 // share of clicks that name a member by referral code
	Rate        float64 // clicks a second; 0: as fast as possible
}

// Bounds of options.
const (
	maxVisitors  = 100_000_000
	maxReferrers = 100_000_000
)

// Check tells everything that is wrong with the options.
func (o Options) Check() error {
	var problems []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	share := func(name string, f float64) {
		refuse(!(f >= 0 && f <= 1), "%s is a share from 0 to 1, not %v", name, f)
	}
	share("duplicates", o.Duplicates)
	share("redelivered", o.Redelivered)
	share("bots", o.Bots)
	share("codes", o.Codes)
	refuse(o.Duplicates+o.Redelivered+o.Bots > 1, "duplicates, redelivered and bots are more than all clicks")
	refuse(len(o.Programs) == 0, "there is no program that is active now to make traffic for")
	refuse(o.Conversions < 0, "conversions must not be negative")
	refuse(o.Members < 0, "members must not be negative")
	refuse(o.Visitors < 1 || o.Visitors > maxVisitors, "visitors must be from 1 to %d", maxVisitors)
	refuse(o.Referrers < 1 || o.Referrers > maxReferrers, "referrers must be from 1 to %d", maxReferrers)
	refuse(!(o.Rate >= 0), "rate must not be negative")
	refuse(o.Clicks < 0 && o.Rate == 0, "traffic without end needs a rate")
	return errors.Join(problems...)
}
