package judge

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"
)

// Case is an installation at rest: what it read, what it wrote, and the rules that
// it had.
type Case struct {
	Brokers     []string
	TopicPrefix string
	Topics      map[string]string // names of topics in Kafka by the contract's, where they differ by more than the prefix

	ClickHouseAddr string // native protocol, host:port
	Database       string
	Username       string
	Password       string

	// Programs is the file or folder of programs that decided last; Earlier are
	// those before it, the oldest first. What they decide differently may have been
	// decided by any of them.
	Programs string
	Earlier  []string

	// Rest is since when nothing more happens: holds that were due by then must be
	// over. Zero asks nothing of holds.
	Rest time.Time

	// OnItsWay is how long a record may be under way from the moment that it is stamped
	// with until it lies in Kafka, 0 is a second: members and clicks need not have been
	// known to an event that was stamped less than that after them.
	OnItsWay time.Duration

	// MaxFutureSkew of the workers; 0 is the contract's ten minutes.
	MaxFutureSkew time.Duration

	// Most is how many differences are told, 100 when it is 0. All are counted.
	Most int
}

// Judge reads an installation and reports every difference between what is there
// and what the contract makes of its input topics. An error says that there could
// be no judgement.
func Judge(ctx context.Context, c Case) (Report, error) {
	books, err := openTables(&c)
	if err != nil {
		return Report{}, err
	}
	defer books.conn.Close() //nolint:errcheck // nothing was written
	return Try(ctx, &c, &installation{topics{c.Brokers, c.TopicPrefix, c.Topics}, *books})
}

// installation is the evidence of a case.
type installation struct {
	topics
	tables
}

func (i *installation) Records(ctx context.Context, topic string) iter.Seq2[Record, error] {
	return i.records(ctx, topic)
}

func (i *installation) Rows(ctx context.Context, table string, by ...string) iter.Seq2[Row, error] {
	return i.rows(ctx, table, by)
}

func (i *installation) Topic(name string) string { return i.name(name) }

// Try is Judge on any evidence; of the case it reads the programs and what stands
// below them.
func Try(ctx context.Context, c *Case, e Evidence) (Report, error) {
	t, err := newTrial(ctx, c, e)
	if err != nil {
		return Report{}, fmt.Errorf("judge: %w", err)
	}
	if err := t.run(); err != nil {
		return t.report, fmt.Errorf("judge: %w", err)
	}
	return t.report, nil
}

// run goes through the topics in the order in which they depend on each other.
func (t *trial) run() error {
	for _, step := range []func() error{
		t.readBooked, t.readRevisions,
		t.updates, t.clicks, t.conversionEvents, t.creditRowsBooked,
		t.rewardEvents, t.fulfillmentEvents, t.judgeRewards, t.segmentEvents,
		t.waitingRows, t.deadLetters, t.compareViews, t.published,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// trial is a case under way.
type trial struct {
	Evidence
	ctx      context.Context
	most     int
	skew     time.Duration
	onItsWay int64
	report   Report
	catalogs []*catalog // the oldest first

	letters letters
	booked  map[letter]string // details of the table of dead letters
	members map[string]*directory

	taken   map[uint64]struct{} // clicks that were stored: what makes another one a redelivery
	counted map[uint64]int64    // time of the click that was counted last
	actors  map[uint64]string   // hashes of ip and user agent
	hashes  map[string]uint64
	touches touches
	views   *views
	names   map[string]string

	revisions               map[string]int // of configurations: one more than the place of the catalog
	rest                    int64
	customers               map[uint64]*customer
	conversionIDs, orderIDs claims
	all                     []*conversion
	found                   map[uint64]*conversion // by program and id
	pending                 map[uint64][]*pending
	queue                   []*pending
	adjustments             map[place]Row
	waits                   map[letter]*event
	attributedIDs           map[string]string
	turns                   int
	lastClicks              map[[3]string]int64 // times of the last clicks, by org, referrer and partition
	lastly                  map[[2]string][]int64
	stats                   map[[2]string]*stats
	rewards                 map[string]*standing // by org and id
	wants                   map[string]*want
	sums                    map[string]*sum
	bounds                  *limits
	models                  map[string][]string // that a program names in any version
}

func newTrial(ctx context.Context, c *Case, e Evidence) (*trial, error) {
	t := &trial{
		ctx: ctx, Evidence: e, most: cmp.Or(c.Most, 100), skew: cmp.Or(c.MaxFutureSkew, 10*time.Minute), onItsWay: cmp.Or(c.OnItsWay, time.Second).Milliseconds(), report: Report{Rows: map[string]int{}},
		letters: letters{map[letter]digest{}, map[letter]digest{}}, members: map[string]*directory{},
		taken: map[uint64]struct{}{}, counted: map[uint64]int64{}, actors: map[uint64]string{}, hashes: map[string]uint64{},
		touches: touches{by: map[uint64]int32{}}, names: map[string]string{}, views: newViews(),
		revisions: map[string]int{}, customers: map[uint64]*customer{}, found: map[uint64]*conversion{}, pending: map[uint64][]*pending{},
		conversionIDs: newClaims(), orderIDs: newClaims(), adjustments: map[place]Row{}, waits: map[letter]*event{}, attributedIDs: map[string]string{},
		models: map[string][]string{}, lastClicks: map[[3]string]int64{}, lastly: map[[2]string][]int64{},
		rewards: map[string]*standing{}, wants: map[string]*want{}, sums: map[string]*sum{},
	}
	if !c.Rest.IsZero() {
		t.rest = c.Rest.UnixMilli()
	}
	for _, path := range append(slices.Clone(c.Earlier), c.Programs) {
		catalog, err := readPrograms(path)
		if err != nil {
			return nil, err
		}
		t.catalogs = append(t.catalogs, catalog)
		t.note(catalog)
	}
	return t, nil
}

// note keeps the models of each program, over all versions and states of the files:
// what binds a customer is needed by each that comes later.
func (t *trial) note(c *catalog) {
	for _, o := range c.orgs {
		for _, p := range o.programs {
			of := o.id + "/" + p.id
			for _, v := range p.versions {
				for _, model := range append(v.Attribution.Shadow, v.Attribution.Model) {
					if !slices.Contains(t.models[of], model) {
						t.models[of] = append(t.models[of], model)
					}
				}
			}
		}
	}
}

// newest is the catalog that decided last.
func (t *trial) newest() *catalog { return t.catalogs[len(t.catalogs)-1] }

// knows tells whether a catalog has a program; every org has the empty one.
func (c *catalog) knows(org, program string) bool {
	o := c.orgs[org]
	return o != nil && (program == "" || o.programs[program] != nil)
}

// knowing is the last catalog that has a program, nil for none.
func (t *trial) knowing(org, program string) *catalog {
	for _, c := range slices.Backward(t.catalogs) {
		if c.knows(org, program) {
			return c
		}
	}
	return nil
}

// unknownProgram tells whether the program of an event was not known when it was
// decided. Where the states of the files differ, the books say under which it was.
func (t *trial) unknownProgram(topic string, e *event) bool {
	known := 0
	for _, c := range t.catalogs {
		if c.knows(e.org, e.program) {
			known++
		}
	}
	if known == 0 || known == len(t.catalogs) {
		return known == 0
	}
	_, booked := t.booked[letter{topic, e.place, "unknown_program"}]
	return booked
}

// intern keeps one copy of a text that comes often.
func (t *trial) intern(text string) string {
	if one, ok := t.names[text]; ok {
		return one
	}
	t.names[text] = text
	return text
}

// inputs reads an input topic and counts its events.
func (t *trial) inputs(topic string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for r, err := range t.Records(t.ctx, topic) {
			t.report.Events++
			if !yield(r, err) {
				return
			}
		}
	}
}

func (t *trial) readBooked() (err error) {
	t.booked, err = t.lettersBooked()
	return err
}

// readRevisions finds which catalog each recorded configuration is.
func (t *trial) readRevisions() error {
	for row, err := range t.rows("configurations") {
		if err != nil {
			return err
		}
		t.revisions[row.text("config_revision")] = t.revision(row.text("source")) + 1
	}
	return nil
}

// judgeRewards holds the rewards against the rules, once everything else is known.
func (t *trial) judgeRewards() error {
	t.stats = t.figuresOf()
	t.lastEvents()
	t.expectations()
	t.compareRewards()
	t.dueRewards()
	t.grantsMissing()
	t.bounds.atRest()
	return nil
}
