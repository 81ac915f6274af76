package analytics

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
)

// BenchmarkWrite inserts clicks of 50 programs and 600,000 visitors over three
// days, one duplicate in ten, and tells the CPU seconds per million of the
// server and of this process.
func BenchmarkWrite(b *testing.B) {
	for _, rows := range []int{20_000, 50_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			server := enginetest.ClickHouseAlone(b, engine.ClickHouseOptions{})
			books := openedAt(b, Options{Addr: []string{server.Addr}, Database: "bench"})
			r := rand.New(rand.NewPCG(1, 2))
			blocks := make([]pipeline.Block, 8)
			for i := range blocks {
				blocks[i] = traffic(b, books, r, rows)
			}
			there, here := cpuOf(b, server.PID()), cpuOfMe(b)
			number := uint64(0)
			for b.Loop() {
				number++
				write(b, books, batch(number, int64(number)*int64(rows), int64(number+1)*int64(rows)), blocks[number%8])
			}
			millions := float64(number) * float64(rows) / 1e6
			b.ReportMetric(millions*1e6/b.Elapsed().Seconds(), "clicks/s")
			b.ReportMetric((cpuOf(b, server.PID())-there).Seconds()/millions, "server-s/M")
			b.ReportMetric((cpuOfMe(b)-here).Seconds()/millions, "client-s/M")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func traffic(b *testing.B, books *Books, r *rand.Rand, rows int) pipeline.Block {
	text := map[string][]string{}
	at, offset, day := make([]int64, rows), make([]int64, rows), make([]int32, rows)
	metadata := make([]map[string]string, rows)
	for i := range rows {
		p := r.IntN(50)
		at[i] = 1795132800000 + r.Int64N(3*86_400_000)
		day[i] = int32(at[i] / 86_400_000)
		offset[i] = int64(i)
		id := fmt.Sprintf("%08x-%04x-7%03x-%04x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<12), r.IntN(1<<16), r.Int64N(1<<48))
		for column, v := range map[string]string{
			"org_id": fmt.Sprintf("org-%d", p%5), "program_id": fmt.Sprintf("p%d", p), "event_id": id, "source": "simulate/web",
			"kafka_topic": "referral.clicks", "click_id": id, "referrer_id": fmt.Sprintf("member-%06d", p*400+r.IntN(400)),
			"visitor_id": fmt.Sprintf("v-%010x", r.Int64N(600_000)*2654435761%(1<<40)), "link_id": fmt.Sprintf("l%d", r.IntN(3)),
			"campaign_id": fmt.Sprintf("camp-%d", p%7), "channel": []string{"email", "whatsapp", "twitter", "copy", "qr"}[r.IntN(5)],
			"country": []string{"US", "DE", "FR", "GB", "JP"}[r.IntN(5)], "locale": "en-US", "currency": "USD",
			"landing_url": fmt.Sprintf("https://shop.example.com/p/%d?ref=%d", r.IntN(1000), r.IntN(20000)),
			"referer_url": "https://social.example.com/feed", "verdict": []string{"unique", "duplicate"}[r.IntN(10)/9], "reason": "", "actor_hash": "",
		} {
			text[column] = append(text[column], v)
		}
		metadata[i] = map[string]string{"ab": []string{"a", "b"}[r.IntN(2)]}
	}
	given := values{"time": at, "day": day, "kafka_offset": offset, "metadata": metadata}
	for column, data := range text {
		given[column] = data
	}
	return block(b, books, "clicks", rows, given)
}

// cpuOf is the time that a process has spent in ticks of 10 ms, user and system.
func cpuOf(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Skip("the CPU time of another process is read from /proc")
	}
	_, after, _ := strings.Cut(string(text), ") ")
	var user, system int64
	fields := strings.Fields(after)
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		b.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

func cpuOfMe(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
