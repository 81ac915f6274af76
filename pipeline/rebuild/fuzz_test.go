package rebuild

import (
	"context"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/changelog"
	"github.com/grapevinehq/grapevine/pipeline/codec"
	"github.com/grapevinehq/grapevine/pipeline/recall"
	"github.com/grapevinehq/grapevine/pipeline/reward"
	stage "github.com/grapevinehq/grapevine/pipeline/stage/clicks"
)

// told is a changelog of some rows, whoever asks.
type told []changelog.Row

func (l told) Partitions(context.Context) ([]Partition, error) { return nil, nil }

func (l told) Rows(_ context.Context, _ pipeline.Partition, take func(r *changelog.Row, batch uint64) error) error {
	for i := range l {
		if err := take(&l[i], uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

func (l told) Under(_ context.Context, topic, kind, _ string, take func(pipeline.Partition, *changelog.Row) error) error {
	for i := range l {
		if l[i].Kind != kind {
			continue
		}
		if err := take(pipeline.Partition{Topic: topic}, &l[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l told) Clicks(_ context.Context, _ pipeline.Partition, from int64, _ uint64, take func(at int64, s *stage.Stored) error) error {
	return take(from, &stage.Stored{})
}

func (l told) Configurations(context.Context, func(string, []byte) error) error { return nil }
func (l told) Agreed(context.Context) (map[string][]byte, error)                { return nil, nil }

// blank takes everything.
type blank struct{}

func (blank) Done(context.Context, string) (bool, error)                                 { return false, nil }
func (blank) Mark(context.Context, string) error                                         { return nil }
func (blank) Set(context.Context, pipeline.Partition, []pipeline.KeyValue) error         { return nil }
func (blank) Delete(context.Context, pipeline.Partition, []string) error                 { return nil }
func (blank) Append(context.Context, pipeline.Partition, []pipeline.KeyValue) error      { return nil }
func (blank) Enqueue(context.Context, pipeline.Partition, []pipeline.QueueMember) error  { return nil }
func (blank) Share(context.Context, []pipeline.SharedSet) error                          { return nil }
func (blank) Claim(context.Context, pipeline.Partition, []pipeline.Owned) error          { return nil }
func (blank) Release(context.Context, []pipeline.ClaimID) error                          { return nil }
func (blank) Journal(context.Context, pipeline.Journal) error                            { return nil }
func (blank) Budget(context.Context, string, int64, map[pipeline.Partition]uint64) error { return nil }
func (blank) Wait(context.Context, pipeline.Partition, []pipeline.Draw) error            { return nil }
func (blank) Agree(context.Context, map[string][]byte) error                             { return nil }
func (blank) Revision(context.Context, string, []byte) error                             { return nil }
func (blank) Finish(context.Context) error                                               { return nil }

// Whatever stands in the changelog: a rebuild works, or ends with an error.
func FuzzRun(f *testing.F) {
	journal, err := codec.Marshal(&changelog.Journal{First: 1, End: 2, Record: []byte{1}, Appended: []pipeline.KeyValue{{Key: "1.0", Value: []byte("x")}}})
	if err != nil {
		f.Fatal(err)
	}
	directory := []byte{2, 1, 2, 2, 1}
	f.Add(changelog.KindValue, recall.DirectoryKey, "", uint64(0), directory, journal, int64(1))
	f.Add(changelog.KindValue, reward.AccountKey("acme/b/USD/2026"), "", uint64(3), []byte{1, 0xa0}, journal, int64(-1))
	f.Add(changelog.KindQueue, reward.QueueAccounts+"x", "1:2:3", uint64(0), []byte(nil), []byte{0xa0}, int64(9))
	f.Add(changelog.KindClaim, "0123456789abcdef0123", "", uint64(0), []byte(nil), []byte(nil), int64(9))
	f.Fuzz(func(t *testing.T, kind, key, member string, piece uint64, value, journal []byte, rank int64) {
		if kind == changelog.KindValue && key == recall.DirectoryKey && len(value) > 16 {
			return // filters are made as large as segments are
		}
		rows := told{
			{Kind: kind, Key: key, Member: member, Piece: piece, Value: value, Rank: rank},
			{Kind: kind, Key: key, Member: member, Piece: piece + 1, Value: value, Rank: rank, Gone: rank < 0},
			{Kind: changelog.KindJournal, Value: journal},
		}
		p := Partition{Partition: pipeline.Partition{Topic: "clicks", Incarnation: "i"}, Number: 2}
		_, _ = Run(t.Context(), Options{
			Plan: &Plan{Partitions: []Partition{p}}, Changelog: rows, Memory: blank{}, Clicks: "clicks", Credits: "credits",
		})
	})
}
