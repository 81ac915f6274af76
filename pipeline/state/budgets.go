package state

import (
	"context"
	_ "embed" // the script
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/pipeline"
)

var (
	//go:embed drawing.lua
	drawingLua string
	//go:embed budget.lua
	budgetLua string

	drawingScript = newScript("drawing", markerLua, homeLua, drawingLua)
	budgetScript  = newScript("budget", markerLua, budgetLua)
)

// mostReleased is how many rewards one script gives room, so that a limit which is
// raised for a hundred thousand does not hold Redis up for seconds: the draws that
// collect them go on. Who draws meanwhile stands behind them.
const mostReleased = 10_000

// Draw implements pipeline.Budgets: one script for each budget, all in one
// pipeline. It may be called several times a batch. Amounts are exact up to the
// greatest int64. A budget is kept for good, with the answers to the last batch of
// each partition.
//
// First it asks the partition's own group whether the begin record stands. Then
// what was read until now, and what is drawn for it, is what any other worker
// reads and draws for the batch. A stale one could else read what the batch itself
// has written, and draw for that on a budget where no fence stands in its way.
func (p *Partition) Draw(ctx context.Context, b pipeline.Bounds, draws []pipeline.Draw) ([]pipeline.Drawn, error) {
	if len(draws) == 0 {
		return nil, nil
	}
	begun := call{group: p.home, keys: []string{p.marker, p.journal}, args: p.args(journalField, b.Number, 0)}
	if _, err := p.store.run(ctx, drawingScript, []call{begun}); err != nil {
		return nil, fmt.Errorf("draw on budgets for batch %d of %s: %w", b.Number, p.partition, err)
	}
	return p.draw(ctx, b, draws)
}

// Give implements pipeline.Budgets. The journal need not be asked: what is given
// stands in it, so a stale worker gives what its successor gives, which is answered
// once, and a budget on which the successor drew later refuses it.
func (p *Partition) Give(ctx context.Context, b pipeline.Bounds, gives []pipeline.Draw) error {
	for i := range gives {
		if gives[i].Op != pipeline.DrawGive {
			return fmt.Errorf("give for batch %d of %s: %w: %s on %s is of op %d", b.Number, p.partition, errProtocol, gives[i].ID, gives[i].Budget, gives[i].Op)
		}
	}
	_, err := p.draw(ctx, b, gives)
	return err
}

// draw carries out draws of a batch that has begun.
func (p *Partition) draw(ctx context.Context, b pipeline.Bounds, draws []pipeline.Draw) ([]pipeline.Drawn, error) {
	calls, order, err := p.drawCalls(b.Number, draws)
	if err != nil {
		return nil, fmt.Errorf("draw on budgets for batch %d of %s: %w", b.Number, p.partition, err)
	}
	answers, err := p.store.run(ctx, budgetScript, calls)
	if err != nil {
		return nil, fmt.Errorf("draw on %d budgets for batch %d of %s: %w", len(calls), b.Number, p.partition, err)
	}
	drawn := make([]pipeline.Drawn, len(draws))
	for i, answer := range answers {
		if len(answer) != 1+len(order[i]) {
			return nil, fmt.Errorf("draw for batch %d of %s: budget %s answered %d of %d draws", b.Number, p.partition, draws[order[i][0]].Budget, len(answer)-1, len(order[i]))
		}
		for j, draw := range order[i] {
			if drawn[draw], err = decodeDrawn(draws[draw].Op, text(answer, j+1)); err != nil {
				return nil, fmt.Errorf("draw %s on %s for batch %d of %s: %w", draws[draw].ID, draws[draw].Budget, b.Number, p.partition, err)
			}
		}
	}
	return drawn, nil
}

// drawCalls are the calls by budget, and which draws each carries.
func (p *Partition) drawCalls(number uint64, draws []pipeline.Draw) ([]call, [][]int, error) {
	var calls []call
	var order [][]int
	places := make(map[string]int)
	for i := range draws {
		d := &draws[i]
		if err := checkDraw(d); err != nil {
			return nil, nil, err
		}
		place, known := places[d.Budget]
		if !known {
			place = len(calls)
			places[d.Budget] = place
			calls = append(calls, p.budget(number, d))
			order = append(order, nil)
		} else if first := &draws[order[place][0]]; d.Before != first.Before {
			return nil, nil, fmt.Errorf("%w: draws %s and %s on %s tell of batch %d and %d as the one before", errProtocol, first.ID, d.ID, d.Budget, first.Before, d.Before)
		}
		c := &calls[place]
		c.args = append(c.args, d.ID, int(d.Op), max(d.Limit, 0), d.Amount, d.Time, d.Reward, d.Ref)
		order[place] = append(order[place], i)
	}
	return calls, order, nil
}

// budget begins the call of one budget.
func (p *Partition) budget(number uint64, d *pipeline.Draw) call {
	g := groupOf(d.Budget)
	return call{
		group: g,
		keys: []string{
			g.marker(), g.key("b:" + d.Budget), g.key("bq:" + d.Budget), g.key("bw:" + d.Budget), budgetGrants(g, d.Budget),
			g.key("bo:" + p.name + ":" + d.Budget),
		},
		args: append(p.args(drawField, number, 10), d.Before, pipeline.MostCollected, mostReleased),
	}
}

// budgetGrants is the key of room that nobody has collected.
func budgetGrants(g group, budget string) string { return g.key("bg:" + budget) }

// checkDraw refuses what no ledger asks for.
func checkDraw(d *pipeline.Draw) error {
	switch d.Op {
	case pipeline.DrawTake, pipeline.DrawGive:
		if d.Amount <= 0 {
			return fmt.Errorf("%w: draw %s on %s is of %d", errProtocol, d.ID, d.Budget, d.Amount)
		}
		if d.Time > maxRank || d.Time < -maxRank {
			return fmt.Errorf("%w: draw %s on %s is of the time %d, beyond 2^53", errProtocol, d.ID, d.Budget, d.Time)
		}
	case pipeline.DrawLeave, pipeline.DrawCollect:
	default:
		return fmt.Errorf("%w: draw %s on %s has the unknown op %d", errProtocol, d.ID, d.Budget, d.Op)
	}
	return nil
}

// decodeDrawn reads the answer to a draw.
func decodeDrawn(op pipeline.DrawOp, answer string) (pipeline.Drawn, error) {
	switch {
	case op == pipeline.DrawTake && answer == "+":
		return pipeline.Drawn{Taken: true}, nil
	case op == pipeline.DrawTake && answer == "-", op == pipeline.DrawGive && answer == "", op == pipeline.DrawLeave && answer == "":
		return pipeline.Drawn{}, nil
	case op == pipeline.DrawCollect:
		grants, err := decodeGrants(answer)
		return pipeline.Drawn{Collected: grants}, err
	}
	return pipeline.Drawn{}, fmt.Errorf("%w: redis answered %q, as if to another draw", errProtocol, answer)
}

// decodeGrants reads grants, each <amount>:<bytes of ref>:<ref>.
func decodeGrants(answer string) ([]pipeline.Grant, error) {
	var grants []pipeline.Grant
	for rest := answer; rest != ""; {
		amount, more, _ := strings.Cut(rest, ":")
		length, ref, found := strings.Cut(more, ":")
		minor, err := strconv.ParseInt(amount, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: redis answered the grants %q: %w", errProtocol, answer, err)
		}
		n, err := strconv.Atoi(length)
		if err != nil || !found || n < 0 || n > len(ref) {
			return nil, fmt.Errorf("%w: redis answered the grants %q", errProtocol, answer)
		}
		grants = append(grants, pipeline.Grant{Ref: ref[:n], Amount: minor})
		rest = ref[n:]
	}
	return grants, nil
}

// Granted implements pipeline.Budgets, in one pipeline. A slot group without its
// marker is pipeline.ErrStateLost: who waits would else never be told.
func (p *Partition) Granted(ctx context.Context, budgets []string) ([]bool, error) {
	markers, grants := make([]*redis.SliceCmd, len(budgets)), make([]*redis.IntCmd, len(budgets))
	err := p.store.retry(ctx, "granted", func() error {
		_, err := p.store.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, budget := range budgets {
				g := groupOf(budget)
				markers[i] = pipe.HMGet(ctx, g.marker(), "installation")
				grants[i] = pipe.ZLexCount(ctx, budgetGrants(g, budget), "["+p.name+"/", "("+p.name+"0")
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask %d budgets for grants to %s: %w", len(budgets), p.partition, err)
	}
	granted := make([]bool, len(budgets))
	for i, budget := range budgets {
		if found := text(markers[i].Val(), 0); found != p.installation {
			c := call{group: groupOf(budget), args: []any{p.installation}}
			return nil, fmt.Errorf("ask budget %s for grants to %s: %w", budget, p.partition, c.lost([]any{"LOST", "installation", found}, found))
		}
		granted[i] = grants[i].Val() > 0
	}
	return granted, nil
}
