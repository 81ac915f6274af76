package state

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline"
)

// remedy is what an operator does about lost data.
const remedy = "stop the workers, see that Redis keeps its data, and run `grapevine rebuild`"

// errProtocol means that the program itself is at fault.
var errProtocol = errors.New("unexpected in the protocol of the scripts")

// refusal is the error of an answer that refuses, nil for others.
func (c *call) refusal(answer []any) error {
	found := text(answer, 2)
	switch text(answer, 0) {
	case "OK", "STANDS":
		return nil
	case "FENCED":
		return c.fenced(text(answer, 1), found)
	case "LOST":
		return c.lost(answer, found)
	case "UNBEGUN":
		return fmt.Errorf("slot group %s: batch %v of %s draws on budgets without a begin record: %w", c.group.tag(), c.arg(4), c.field(), errProtocol)
	case "UNCLAIMED":
		return fmt.Errorf("slot group %s: batch %v of %s is journalled without a call of Claim, though batch %s had one: a stage that claims does so in every batch: %w",
			c.group.tag(), c.arg(4), c.field(), text(answer, 1), errProtocol)
	default:
		return fmt.Errorf("slot group %s: a script answered %q: %w", c.group.tag(), text(answer, 0), errProtocol)
	}
}

func (c *call) fenced(what, found string) error {
	switch what {
	case "generation":
		return c.higherFence(found)
	case "begin":
		return fmt.Errorf("slot group %s: batch %v of %s was begun with other bounds: %w",
			c.group.tag(), c.arg(4), c.field(), pipeline.ErrFenced)
	default:
		return fmt.Errorf("slot group %s: batch %s of %s is recorded, ours is the older %v: %w",
			c.group.tag(), found, c.field(), c.arg(4), pipeline.ErrFenced)
	}
}

// fenceError is a refusal by a higher fence.
type fenceError struct {
	error
	era int64 // the era found
}

func (e *fenceError) Unwrap() error { return e.error }

func (c *call) higherFence(found string) error {
	era, _, _ := strings.Cut(found, ":")
	number, err := strconv.ParseInt(era, 10, 64)
	if err != nil {
		return fmt.Errorf("slot group %s: the marker of %s has the fence %q: %w", c.group.tag(), c.field(), found, err)
	}
	return &fenceError{era: number, error: fmt.Errorf("slot group %s: the fence (era:generation) of %s is %s, our generation is %v: %w",
		c.group.tag(), c.field(), found, c.arg(3), pipeline.ErrFenced)}
}

func (c *call) lost(answer []any, found string) error {
	var what string
	switch text(answer, 1) {
	case "installation":
		if found == "" {
			what = fmt.Sprintf("no marker of installation %v is there", c.arg(0))
		} else {
			what = fmt.Sprintf("installation %v is expected, %s found", c.arg(0), found)
		}
	case "takeover":
		what = fmt.Sprintf("the fence (era:generation) of %s is expected to be %v:%v, %s found", c.field(), c.arg(2), c.arg(3), found)
	case "journal":
		what = fmt.Sprintf("the journal of %s holds batch %q, which its marker does not know", c.field(), found)
	case "draw":
		what = fmt.Sprintf("the last draw of %s on %s is expected in batch %v, %s found", c.field(), c.budget(), c.arg(5), found)
	case "used":
		what = fmt.Sprintf("%s gives %s back to %s, of which only %s is taken", c.field(), text(answer, 3), c.budget(), found)
	case "shared":
		what = fmt.Sprintf("batch %s of %s is expected, %s found", text(answer, 4), text(answer, 3), found)
	default:
		what = fmt.Sprintf("the batch before %v of %s is expected, %s found", c.arg(4), c.field(), found)
	}
	return fmt.Errorf("slot group %s: %s: %w: %s", c.group.tag(), what, pipeline.ErrStateLost, remedy)
}

// field is the marker's field that the call is about: kind, topic's incarnation, partition.
func (c *call) field() any { return c.arg(1) }

func (c *call) arg(i int) any {
	if i < len(c.args) {
		return c.args[i]
	}
	return "?"
}

// budget is the key of the budget that the call is about.
func (c *call) budget() string {
	if len(c.keys) > 1 {
		return c.keys[1]
	}
	return "?"
}
