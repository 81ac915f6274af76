package conversions

import (
	"fmt"
	"strings"
	"testing"
)

// A conversion without a rate claims nothing, yet is a duplicate where its ids
// are taken before it; what a later event takes is not.
func TestStage_a_conversion_without_a_rate_may_be_a_duplicate(t *testing.T) {
	noRate := func(id, conversion, order string) sent {
		return sale(id, 1, data{"conversion_id": conversion, "order_id": order, "currency": "GBP"})
	}
	rated := func(id, conversion, order string) sent {
		return sale(id, 1, data{"conversion_id": conversion, "order_id": order})
	}
	for _, c := range []struct {
		name          string
		before, batch []sent
		want, letters []string
	}{
		{"nothing before", nil, []sent{noRate("x", "one", "m")}, nil, []string{"1:no_exchange_rate"}},
		{
			"by conversion_id, in the batch", nil, []sent{rated("a", "one", "n"), noRate("x", "one", "m")},
			[]string{"a:unattributed:no_candidate", "x:duplicate:conversion_id"}, nil,
		},
		{
			"by order_id, in the batch", nil, []sent{rated("a", "two", "m"), noRate("x", "one", "m")},
			[]string{"a:unattributed:no_candidate", "x:duplicate:order_id"}, nil,
		},
		{
			"by order_id, before the batch", []sent{rated("a", "two", "m")}, []sent{noRate("x", "one", "m")},
			[]string{"a:unattributed:no_candidate", "x:duplicate:order_id"}, nil,
		},
		{
			"by conversion_id first", []sent{rated("a", "one", "m")}, []sent{noRate("x", "one", "m")},
			[]string{"a:unattributed:no_candidate", "x:duplicate:conversion_id"}, nil,
		},
		{
			"of what a later event takes", nil, []sent{noRate("x", "one", "m"), rated("a", "one", "m"), noRate("y", "two", "m")},
			[]string{"a:unattributed:no_candidate", "y:duplicate:order_id"}, []string{"1:no_exchange_rate"},
		},
		{
			"of another kind's order", []sent{rated("a", "two", "m")},
			[]sent{sale("x", 1, data{"conversion_id": "one", "order_id": "m", "currency": "GBP", "kind": "renewal"})},
			[]string{"a:unattributed:no_candidate"}, []string{"2:no_exchange_rate"},
		},
		{
			"of an order that was not claimed", []sent{rated("a", "one", "n")},
			[]sent{rated("b", "one", "m"), noRate("x", "two", "m")},
			[]string{"a:unattributed:no_candidate", "b:duplicate:conversion_id"}, []string{"3:no_exchange_rate"},
		},
		{
			"and takes no id itself", []sent{rated("a", "two", "m")},
			[]sent{noRate("x", "one", "m"), rated("b", "one", "n")},
			[]string{"a:unattributed:no_candidate", "x:duplicate:order_id", "b:unattributed:no_candidate"}, nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			if c.before != nil {
				s.send(c.before...)
			}
			s.send(c.batch...)
			expect(t, "verdicts", s.verdicts(), c.want)
			expect(t, "dead letters", s.reasons(), c.letters)
		})
	}
}

func TestStage_a_conversion_without_a_rate_may_be_a_duplicate_of_another_partitions(t *testing.T) {
	s := &scene{world: newWorld(t, []byte(programs), 2)}
	s.sendTo(s.parts[1], sale("a", 1, data{"conversion_id": "one", "order_id": "m", "customer_id": "d"}))
	s.sendTo(s.parts[0], sale("x", 1, data{"order_id": "m", "currency": "GBP"}), sale("y", 1, data{"conversion_id": "one", "currency": "GBP"}))
	expect(t, "verdicts", s.verdicts(), []string{"a:unattributed:no_candidate", "x:duplicate:order_id", "y:duplicate:conversion_id"})
}

// A conversion that does not count needs no rate, whether there is one or not.
func TestStage_what_does_not_count_has_no_amount(t *testing.T) {
	s := newScene(t)
	s.send(
		sale("a", 1, data{"conversion_id": "one"}),
		sale("b", 1, data{"conversion_id": "one"}), sale("d", 1, data{"conversion_id": "one", "currency": "USD"}),
		sale("e", 1, data{"conversion_id": "one", "currency": "GBP"}),
		sale("f", -24*100, nil), sale("g", -24*100, data{"currency": "USD"}),
	)
	var got []string
	for _, r := range s.rows[conversionsTable] {
		got = append(got, fmt.Sprintf("%s:%s:%d of %d %s", r["event_id"], r["verdict"], r["amount_minor"], r["original_amount_minor"], r["currency"]))
	}
	expect(t, "amounts", got, []string{
		"a:unattributed:2000 of 2000 EUR", "b:duplicate:0 of 2000 EUR", "d:duplicate:0 of 2000 EUR", "e:duplicate:0 of 2000 EUR",
		"f:inactive:0 of 2000 EUR", "g:inactive:0 of 2000 EUR",
	})
}

// What does not fit in the program's currency is invalid, and that goes first.
func TestStage_an_amount_out_of_range_is_no_duplicate(t *testing.T) {
	s := &scene{world: newWorld(t, []byte(strings.Replace(programs, `rate: "0.5"`, `rate: "5"`, 1)), 1)}
	huge := data{"conversion_id": "one", "currency": "USD", "amount_minor": int64(1 << 62)}
	s.send(sale("a", 1, data{"conversion_id": "one"}), sale("x", 1, huge))
	expect(t, "verdicts", s.verdicts(), []string{"a:unattributed:no_candidate"})
	expect(t, "dead letters", s.reasons(), []string{"2:invalid"})
}
