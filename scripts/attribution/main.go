// Command attribution gives credit to paths that it reads, one JSON object a line:
// the touches of a conversion in order, with hours before it, and a half-life. It
// answers each with the credits of every model. compare.py asks it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

type path struct {
	HalfLifeHours int64 `json:"half_life_hours"`
	Touches       []struct {
		Referrer string `json:"referrer"`
		Minutes  int64  `json:"minutes"` // before the conversion
	} `json:"touches"`
}

func main() {
	if err := answer(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answer(in io.Reader, out io.Writer) error {
	paths, credits := json.NewDecoder(bufio.NewReader(in)), json.NewEncoder(out)
	for {
		var p path
		if err := paths.Decode(&p); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a path: %w", err)
		}
		if err := credits.Encode(p.credits()); err != nil {
			return fmt.Errorf("write credits: %w", err)
		}
	}
}

// credits are parts per million by model and referrer.
func (p *path) credits() map[program.Model]map[string]int64 {
	const conversion = int64(1 << 40)
	q := attribution.Question{
		Time: conversion, CustomerID: "the customer", Member: func(string) attribution.Member { return attribution.Member{} },
		Settings: program.Attribution{
			Model: attribution.Models[0], Shadow: attribution.Models, Order: []program.CandidateKind{program.CandidateTouch},
			Window: 10 * 365 * 24 * time.Hour, HalfLife: time.Duration(p.HalfLifeHours) * time.Hour,
		},
	}
	for i, t := range p.Touches {
		q.Touches = append(q.Touches, attribution.Touch{
			Time: conversion - t.Minutes*time.Minute.Milliseconds(), ClickID: fmt.Sprintf("%06d", i), ReferrerID: t.Referrer,
		})
	}
	d := attribution.Decide(q)
	credits := map[program.Model]map[string]int64{}
	for _, a := range append(d.Shadow, d.Paying) {
		credits[a.Model] = map[string]int64{}
		for i, ppm := range a.PPM {
			credits[a.Model][d.Referrers[i].ID] = ppm
		}
	}
	return credits
}
