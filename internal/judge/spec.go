package judge

import (
	"math/big"
	"net/netip"
	"time"

	"github.com/expr-lang/expr/vm"
)

// The parts of the program files, by their keys, as far as the judge needs them.
type (
	fileSpec struct {
		Rates []rateSpec `yaml:"exchange_rates"`
		Bots  struct {
			Networks []struct{ Name, CIDR string } `yaml:"networks"`
			Agents   []agentRule                   `yaml:"user_agents"`
		}
		Orgs []orgSpec
	}
	rateSpec struct {
		From, To  string
		ValidFrom time.Time `yaml:"valid_from"`
		Rate      string
	}
	agentRule struct{ Name, Contains string }
	orgSpec   struct {
		ID        string
		Budgets   []budget
		Segments  []segment
		Templates []map[string]any
		Programs  []struct {
			ID, Name, Template string
			Versions           []map[string]any
		}
	}
	budget struct {
		ID, Period, Currency string
		Limit                int64 `yaml:"limit_minor"`
	}
	segment struct {
		ID, When string
		when     *vm.Program
	}
)

// catalog is one state of the program files.
type catalog struct {
	orgs     map[string]*org
	rates    map[[2]string][]rate // by currencies, the oldest first
	networks []network
	agents   []agentRule
	files    [][]byte
}

type rate struct {
	from int64
	of   *big.Rat
}

type network struct {
	name   string
	prefix netip.Prefix
}

type org struct {
	id       string
	programs map[string]*program
	budgets  map[string]budget
	segments map[string]*segment
}

type program struct {
	id, name string
	versions []*version // by time
}

// version is one with its template laid under it.
type version struct {
	ValidFrom   time.Time  `yaml:"valid_from"`
	ValidTo     *time.Time `yaml:"valid_to"`
	Currency    string
	Locale      string
	Timezone    string
	Window      string `yaml:"dedupe_window"`
	Attribution struct {
		Model, Window, Binding string
		HalfLife               string `yaml:"half_life"`
		Order, Shadow          []string
	}
	Margin *float64
	Rules  []*rule

	program  string
	name     string // of the program
	from, to int64  // half-open
	zone     *time.Location
	dedupe   int64
	window   int64
	halfLife int64
}

type rule struct {
	ID, Type  string
	Name      map[string]string
	Message   map[string]string
	Kinds     []string
	Min       int64 `yaml:"min_amount_minor"`
	When      string
	Segments  []string
	Except    []string `yaml:"except_segments"`
	Period    string
	Metric    string
	Points    map[string]int64
	Tiers     []tier
	FirstOnly bool `yaml:"first_only"`
	Rewards   []reward
	Segment   string
	Limit     *struct {
		Period string
		Count  *int64
		Amount *int64 `yaml:"amount_minor"`
	}
	Budget string
	Hold   string

	when *vm.Program
	hold int64
}

type tier struct {
	ID        string
	Threshold int64
	Rewards   []reward
	Repeat    int64 `yaml:"repeat_every"`
}

type reward struct {
	ID, Type, To, Unit string
	Flat               int64 `yaml:"flat_minor"`
	Amount             int64 `yaml:"amount_minor"`
	Quantity           int64
	BasisPoints        *int64 `yaml:"basis_points"`
	Max                *int64 `yaml:"max_amount_minor"`
	Brackets           []struct {
		From        int64 `yaml:"from_minor"`
		BasisPoints int64 `yaml:"basis_points"`
	}
}
