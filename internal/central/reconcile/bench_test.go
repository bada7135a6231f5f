package reconcile

import (
	"sync/atomic"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// BenchmarkConfirmations gives planned confirmations a second from the signed message
// to the committed outcome: ingest, journal, row and word, on SQLite. Each message
// carries one confirmation, as devices send them after a slot.
func BenchmarkConfirmations(b *testing.B) {
	h := newHouse(b)
	const perDevice = 24
	slots := make([]radio.ProgrammeSlot, perDevice)
	for i := range slots {
		slots[i] = h.slot((12+i)%24, 1)
	}
	type message struct {
		device, topic string
		data          []byte
	}
	var messages []message
	for len(messages) < b.N {
		d := h.device()
		p := h.publish(d, slots...)
		for _, a := range airings(b, p, noon, noon.Add(24*time.Hour)) {
			d.ends(a, p.Revision, radio.Aired, "", a.Samples)
			n := len(d.records)
			data, err := wire.Seal(wire.Journal, string(d.id), wire.JournalPayload{Device: d.id, Journal: d.journal,
				First: uint64(n), Prev: d.links[n-1], Records: []wire.Raw{d.records[n-1]}}, d.key)
			if err != nil {
				b.Fatal(err)
			}
			messages = append(messages, message{string(d.id), wire.UpTopic(d.id, wire.Journal), data})
		}
	}
	// One device's messages stay in order: each runner takes whole devices.
	var next atomic.Int64
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		mine := []message{}
		for pb.Next() {
			if len(mine) == 0 {
				n := (int(next.Add(1)) - 1) * perDevice
				if n >= len(messages) {
					return
				}
				mine = messages[n:min(n+perDevice, len(messages))]
			}
			m := mine[0]
			mine = mine[1:]
			if err := h.in.Message(b.Context(), m.device, m.topic, m.data); err != nil {
				b.Error(err)
			}
		}
	})
	b.StopTimer()
	stats := h.in.Stats()
	b.ReportMetric(float64(stats.Records)/b.Elapsed().Seconds(), "confirmations/s")
	b.ReportMetric(float64(stats.Records)/float64(max(stats.Commits, 1)), "records/commit")
}
