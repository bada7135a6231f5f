package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

const (
	// keptEndpoints is the name of the spare endpoints among the kept values.
	keptEndpoints = "endpoints"
	// maxSpare bounds each of their lists.
	maxSpare = 8
)

// keepEndpoints keeps, when a keyring names others, where the centre was found until now:
// one with a mistyped address would otherwise send every device to nowhere, to be fetched
// back at its pole. They are tried behind the keyring's own, newest first; who answers
// there must show the province's certificate all the same.
func (in *Inbox) keepEndpoints(ctx context.Context, next trust.Endpoints) {
	in.mu.Lock()
	was := in.ring.Endpoints
	spare := trust.Endpoints{Brokers: spareOf(next.Brokers, was.Brokers, in.spare.Brokers), Media: spareOf(next.Media, was.Media, in.spare.Media)}
	same := slices.Equal(spare.Brokers, in.spare.Brokers) && slices.Equal(spare.Media, in.spare.Media)
	in.spare = spare
	in.mu.Unlock()
	if same {
		return
	}
	b, err := json.Marshal(spare)
	if err == nil {
		err = in.opts.Journal.Keep(ctx, keptEndpoints, b)
	}
	if err != nil {
		in.log.Error("the addresses before are not written: a restart forgets them", "error", err)
	}
}

// spareOf lists what stood before and does not stand now, newest first.
func spareOf(next, was, spare []string) []string {
	var out []string
	for _, a := range append(slices.Clone(was), spare...) {
		if !slices.Contains(next, a) && !slices.Contains(out, a) && len(out) < maxSpare {
			out = append(out, a)
		}
	}
	return out
}

func (in *Inbox) loadEndpoints() {
	b, err := in.opts.Journal.Kept(keptEndpoints)
	if errors.Is(err, radio.ErrNotFound) {
		return
	}
	var spare trust.Endpoints
	if err == nil {
		err = json.Unmarshal(b, &spare)
	}
	if err == nil && len(spare.Brokers) > 0 && len(spare.Media) > 0 {
		err = spare.Check()
	}
	if err != nil {
		in.log.Error("the addresses before cannot be read", "error", err)
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.spare = spare
}
