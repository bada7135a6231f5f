package web

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"loaxa/internal/radio"
)

// A commune's own order of yesterday is found behind the many of all others.
func TestOwnOrdersAmongMany(t *testing.T) {
	h := newHouse(t)
	lay := func(n int, area radio.AreaID) {
		b := radio.CommandBatch{ID: id[radio.BatchID]('q', n), Do: radio.CommandStop, Area: area, By: lan.ID, ByName: lan.Name, IssuedAt: radio.At(now), ExpiresAt: radio.At(now) + 1}
		if err := h.orders.AddCommands(context.Background(), b, nil, "", radio.AuditFacts{}); err != nil {
			t.Fatal(err)
		}
	}
	lay(0, h.area(own))
	for n := range 500 {
		lay(n+1, h.area(foreign))
	}
	h.onlyAt(own, radio.RoleOperator)
	var answer batchesAnswer
	if err := json.Unmarshal(h.ask(t, http.MethodGet, "/api/v1/commands", "").Body.Bytes(), &answer); err != nil || len(answer.Batches) != 1 || answer.Batches[0].Area != h.area(own) {
		t.Errorf("%+v %v", answer, err)
	}
	h.people.who = nil
	if err := json.Unmarshal(h.ask(t, http.MethodGet, "/api/v1/commands", "").Body.Bytes(), &answer); err != nil || len(answer.Batches) != shownBatches {
		t.Errorf("%d orders on one page, want %d (%v)", len(answer.Batches), shownBatches, err)
	}
}
