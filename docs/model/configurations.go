package main

// configuration is a composition that must hold.
type configuration struct {
	name    string
	defines []string
	short   bool // it takes a moment
	cycles  bool // instead of the properties: that every run ends
}

// configurations are all that is checked. README.md says what each covers.
var configurations = []configuration{
	{name: "workers", short: true, defines: []string{"CRASHES=1", "SPARE=1"}},
	{name: "workers-end", cycles: true, defines: []string{"CRASHES=1", "SPARE=1"}},
	{name: "deaths", short: true, defines: []string{"CRASHES=2", "SPARE=0"}},
	{name: "late", defines: []string{"CRASHES=1", "SPARE=1", "LATE=1"}},
	{name: "failures-zombie", defines: []string{"CRASHES=0", "SPARE=1", "FAILS=1", "LATE=1"}},
	{name: "failures", short: true, defines: []string{"CRASHES=1", "SPARE=0", "FAILS=1", "LATE=1"}},
	{name: "window", short: true, defines: []string{"CRASHES=1", "SPARE=0", "LATE=1", "TICKS=1"}},
	{name: "window-zombie", defines: []string{"RECORDS=1", "CRASHES=0", "SPARE=1", "LATE=1", "FAILS=1", "TICKS=1"}},
	{name: "window-twice", defines: []string{"CRASHES=0", "SPARE=0", "LATE=1", "FAILS=1", "TICKS=2"}},
	{name: "timers", defines: []string{"RECORDS=1", "CRASHES=1", "SPARE=0", "LATE=1", "HOLDS=2", "TICKS=2"}},
	{name: "timers-zombie", defines: []string{"CRASHES=0", "SPARE=1", "HOLDS=1", "TICKS=1"}},
	{name: "timers-records", short: true, defines: []string{"RECORDS=1", "ARRIVALS=1", "CRASHES=1", "SPARE=0", "HOLDS=1", "TICKS=1"}},
	{name: "claims", defines: []string{"PARTS=2", "CLAIMS", "RECORDS=1", "CRASHES=1", "SPARE=0"}},
	{name: "claims-zombie", defines: []string{"PARTS=2", "CLAIMS", "RECORDS=1", "CRASHES=0", "SPARE=1"}},
	{name: "claims-failures", short: true, defines: []string{"PARTS=2", "CLAIMS", "FIRST_ONLY", "RECORDS=1", "CRASHES=0", "SPARE=0", "FAILS=1"}},
	{name: "stages", short: true, defines: []string{"PARTS=2", "STAGES", "RECORDS=1", "CRASHES=1", "SPARE=0", "DRIFT=0"}},
	{name: "stages-zombie", defines: []string{"PARTS=2", "STAGES", "RECORDS=1", "CRASHES=0", "SPARE=1", "DRIFT=0"}},
	{name: "stages-timers", defines: []string{"PARTS=2", "STAGES", "RECORDS=1", "CRASHES=1", "SPARE=0", "DRIFT=0", "HOLDS=1", "TICKS=1"}},
	{name: "stages-forget", defines: []string{"PARTS=2", "STAGES", "RECORDS=1", "CRASHES=1", "SPARE=0", "DRIFT=0", "LATE=1", "FORGETS=1"}},
	{name: "group-anew", short: true, defines: []string{"RECORDS=1", "CRASHES=1", "SPARE=1", "RESETS=1"}},
	{name: "group-anew-late", defines: []string{"CRASHES=0", "SPARE=1", "LATE=1", "RESETS=1"}},
	{name: "loss", short: true, defines: []string{"RECORDS=3", "CRASHES=1", "SPARE=0", "LOSSES=1"}},
}
