package ingest

import (
	"context"
	"regexp"
	"slices"

	"loaxa/internal/radio"
)

// machineForm is 16 bytes in base64url: the name of a board, which tells nothing of it.
var machineForm = regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)

// board is one hello's word of the board it came from, or of its journal.
type board struct {
	device  radio.DeviceID
	machine string
	at      radio.Millis
}

// putMachines notes which boards speak under which identity. One identity that speaks
// from two boards by turns was copied (radio.NoteMachine).
func (w *writer) putMachines(ctx context.Context) error {
	if len(w.boards) == 0 {
		return nil
	}
	devices := make([]radio.DeviceID, 0, len(w.boards))
	for _, b := range w.boards {
		devices = append(devices, b.device)
	}
	slices.Sort(devices)
	devices = slices.Compact(devices)
	held, err := w.tx.Machines(ctx, devices)
	if err != nil {
		return err
	}
	now := map[[2]string]radio.DeviceMachine{}
	var gone []radio.DeviceMachine
	for _, b := range w.boards {
		if b.machine == "" && !slices.ContainsFunc(held[b.device], func(h radio.DeviceMachine) bool { return !h.IsJournal() }) {
			continue // boards of this device have no numbers; behind one that has, it is another
		}
		m, out := radio.NoteMachine(held[b.device], b.device, b.machine, b.at)
		for _, g := range out {
			delete(now, [2]string{string(g.Device), g.Machine})
			held[b.device] = slices.DeleteFunc(held[b.device], func(h radio.DeviceMachine) bool { return h.Machine == g.Machine })
		}
		gone = append(gone, out...)
		held[b.device] = append(slices.DeleteFunc(held[b.device], func(h radio.DeviceMachine) bool { return h.Machine == b.machine }), m)
		now[[2]string{string(b.device), b.machine}] = m
	}
	rows := make([]radio.DeviceMachine, 0, len(now))
	for _, m := range now {
		rows = append(rows, m)
	}
	return w.tx.PutMachines(ctx, rows, gone)
}
