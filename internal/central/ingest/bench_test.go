package ingest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"loaxa/internal/central/store/storetest"
	"loaxa/internal/wire"
)

// BenchmarkIngest gives durable confirmations a second through Message: envelope and
// signature verified, chained, stored with the batch's proof; 256 devices at a time,
// each waiting for its acknowledgement. Reconciliation is measured in its own room.
func BenchmarkIngest(b *testing.B) {
	open := map[string]func(b *testing.B) string{
		"sqlite": func(b *testing.B) string { return storetest.File(b) },
		"postgres": func(b *testing.B) string {
			if testing.Short() {
				b.Skip("PostgreSQL is not started with -short")
			}
			// The cluster outlives the benchmark's context: Stop ends it.
			pg, err := storetest.StartPostgres(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				if err := pg.Stop(); err != nil {
					b.Error(err)
				}
			})
			dsn, err := pg.Fresh(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			return dsn
		},
	}
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, size := range []int{1, 20} {
			b.Run(fmt.Sprintf("%s/batch=%d", engine, size), func(b *testing.B) {
				h := stopped(b, open[engine](b)).run()
				batches := make([][]byte, b.N/size+1)
				topics := make([]string, len(batches))
				devices := make([]string, len(batches))
				for i := range batches {
					d := h.device()
					for range size {
						d.airs()
					}
					batches[i], topics[i], devices[i] = d.batch(1, size), wire.UpTopic(d.id, wire.Journal), string(d.id)
				}
				var next atomic.Int64
				b.SetParallelism(128)
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						i := int(next.Add(1)) - 1
						if i%size != 0 {
							continue // the message of this record has been sent
						}
						i /= size
						if err := h.Message(b.Context(), devices[i], topics[i], batches[i]); err != nil {
							b.Error(err)
						}
					}
				})
				b.StopTimer()
				b.ReportMetric(float64(h.Stats().Records)/b.Elapsed().Seconds(), "records/s")
				b.ReportMetric(float64(h.Stats().Records)/float64(max(h.Stats().Commits, 1)), "records/commit")
			})
		}
	}
}
