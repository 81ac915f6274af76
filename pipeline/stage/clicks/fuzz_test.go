package clicks

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/codec"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// What stands in Redis is our own, but a damaged value must be an error, never a panic.
func FuzzTakeRecord(f *testing.F) {
	w := newWorld()
	s := &Stage{Catalogs: w, Directory: w, Limits: event.DefaultLimits, Recall: recall.NewHasher([16]byte{9}), Secrets: w.secrets,
		Retention: func() time.Duration { return 73 * time.Hour }}
	worker, err := s.TakeOver(f.Context(), &pipeline.Session{Memory: w, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	check(f, err)
	records := []event.Record{
		{Offset: 0, Time: start, Key: []byte("v"), Value: []byte(`{"specversion":"1.0","id":"a","source":"s","type":"referral.click.recorded.v1","time":"2026-01-01T00:00:00Z","orgid":"acme","programid":"us-store","data":{"referral_code":"x","visitor_id":"v"}}`)},
		{Offset: 1, Time: start, Key: []byte("v"), Value: []byte(`{`)},
	}
	decoded, err := worker.Decode(pipeline.Bounds{Number: 1, End: 2, Time: start}, records)
	check(f, err)
	check(f, decoded.LookUp(f.Context(), pipeline.Progress{}))
	check(f, decoded.Decide())
	data, err := decoded.Record()
	check(f, err)
	f.Add(data)
	secret := decoded.(*work).rec.Secret
	for _, o := range [][]byte{{byte(unique), byte(invalid)}, {byte(bot), byte(bot)}, {byte(unknownProgram), 200}, {byte(unique), byte(unique)}} {
		data, err := codec.Marshal(&record{Outcomes: o, Secret: secret, Owners: []string{"r"}})
		check(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := worker.Decode(pipeline.Bounds{Number: 1, End: 2, Time: start}, records)
		check(t, err)
		if k.TakeRecord(data) == nil {
			_, _ = k.Outcome(t.Context())
		}
	})
}
