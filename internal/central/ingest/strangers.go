package ingest

import (
	"context"
	"time"

	"loaxa/internal/radio"
)

// maxStrange is how many receipts of a device are kept in a day (UTC) for ids that nobody
// has issued. There are honest ones, of what a restored backup does not know; without a
// bound a device could fill the database.
const maxStrange = 50

// strangers counts such receipts since the day began. Only the goroutine of Run has it.
type strangers struct {
	day  int64
	seen map[radio.DeviceID]int
}

func (s *strangers) on(now radio.Millis) {
	if day := int64(now) / (24 * time.Hour).Milliseconds(); day != s.day || s.seen == nil {
		s.day, s.seen = day, map[radio.DeviceID]int{}
	}
}

// add notes what was committed, and gives the devices that have now come beyond the bound.
func (s *strangers) add(more map[radio.DeviceID]int) []radio.DeviceID {
	var beyond []radio.DeviceID
	for device, n := range more {
		had := s.seen[device]
		s.seen[device] = had + n
		if had <= maxStrange && had+n > maxStrange {
			beyond = append(beyond, device)
		}
	}
	return beyond
}

// putReceipts writes the receipts but those beyond the bound.
func (w *writer) putReceipts(ctx context.Context) error {
	issued, err := w.tx.IssuedTo(ctx, w.receipts)
	if err != nil {
		return err
	}
	keep := make([]radio.Receipt, 0, len(w.receipts))
	for i, r := range w.receipts {
		if !issued[i] {
			w.strange[r.Device]++
			if w.before.seen[r.Device]+w.strange[r.Device] > maxStrange {
				continue
			}
		}
		keep = append(keep, r)
	}
	return w.tx.PutReceipts(ctx, keep)
}
