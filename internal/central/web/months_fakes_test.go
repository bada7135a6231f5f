package web

import (
	"context"
	"fmt"
	"io"

	"loaxa/internal/radio"
)

// fakeMonths has two months that have ended, the older of them closed.
type fakeMonths struct {
	acts    []string
	bundles []EvidenceFile
	amended []radio.Amendment
	asked   [][]radio.AreaID // communes of which amendments were asked for
	err     error
}

func (f *fakeMonths) LogMonths(context.Context) ([]radio.LogMonth, error) {
	return []radio.LogMonth{
		{Month: "2025-11"},
		{Month: "2025-10", Ended: true, Due: "2025-11-30"},
		{Month: "2025-09", Ended: true, Closed: &radio.ClosedMonth{Month: "2025-09", ClosedAt: radio.At(now) - 1000, By: "centre", Rows: 5,
			Planned: map[radio.Outcome]int64{radio.Aired: 3, radio.Silent: 1}, Unplanned: 1, Digest: "abc", Checkpoint: 7, Amendments: 1}},
	}, f.err
}

func (f *fakeMonths) CloseMonth(_ context.Context, month string, by radio.Person) (radio.ClosedMonth, error) {
	if month != "2025-10" {
		return radio.ClosedMonth{}, fmt.Errorf("%w: closed already", radio.ErrConflict)
	}
	f.acts = append(f.acts, "close "+month+" "+by.Login)
	return radio.ClosedMonth{Month: month, Planned: map[radio.Outcome]int64{}}, f.err
}

func (f *fakeMonths) Amendments(_ context.Context, _ string, communes []radio.AreaID, _ radio.Millis, _ int) ([]radio.Amendment, error) {
	f.asked = append(f.asked, communes)
	return f.amended, f.err
}

func (f *fakeMonths) Checkpoints(context.Context, int) ([]radio.KeptCheckpoint, error) {
	return []radio.KeptCheckpoint{{Number: 7, At: radio.At(now), Size: 12, Digest: [32]byte{0xab}}}, f.err
}

func (f *fakeMonths) RootPrint() string { return "root-thumbprint" }

func (f *fakeMonths) Bundle(_ context.Context, file EvidenceFile, begin func() (io.Writer, error)) error {
	f.bundles = append(f.bundles, file)
	w, err := begin()
	if err == nil {
		_, err = w.Write([]byte("bundle"))
	}
	return err
}
