package e2e

import (
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestMinutesOfTheLog: the minutes that log, day and file tell are those that a recording
// holds, not those of a plan. What the log calls aired stands in the recording sample for
// sample, once for each airing, with nothing but silence around it; and all of that stays when
// the media are gone.
func TestMinutesOfTheLog(t *testing.T) {
	lane(t, short)
	h := newHouse(t, []string{"a"})
	h.serve()
	bulletins := map[string]radio.Bulletin{}
	for i, code := range []string{"mot", "hai", "ba"} {
		bulletins[code] = h.upload(code, "Bản tin "+code, tone(t, 7-2*i, 440+110*i))
	}
	a := h.agent("a", `driver: "null"`)
	due := dueMinute(25 * time.Second)
	h.schedule(due, "mot", "hai", "ba", "mot")
	a.ready(due)
	rows := h.outcomes(4, time.Until(due)+60*time.Second)
	wantAll(t, rows, 4, radio.Aired)
	a.stop(t)

	// Strike every airing of the log out of the recordings, at the sample.
	recs := a.recordings()
	told := int64(0)
	for _, r := range rows {
		told += r.Consumed
		var want []int16
		for _, b := range bulletins {
			if b.ID == r.Bulletin {
				want = h.decoded(b, 64)
			}
		}
		if int64(len(want)) != r.Consumed {
			t.Errorf("%s: %d samples by the log, its audio has %d", r.Title, r.Consumed, len(want))
		}
		found := false
		for _, rec := range recs {
			if at := sounded(rec, want); at >= 0 && !found {
				clear(rec[at : at+len(want)])
				found = true
			}
		}
		if !found {
			t.Errorf("%s is aired by the log and stands in no recording", r.Title)
		}
	}
	for _, rec := range recs {
		for i, v := range rec {
			if v != 0 {
				t.Fatalf("at sample %d sounds what the log does not tell", i)
			}
		}
	}
	var day radio.LogMatrix
	h.get("/api/v1/log/days?day="+string(rows[0].Day), &day)
	if day.Totals.Outcomes[radio.Aired] != 4 {
		t.Errorf("the day's table tells %+v", day.Totals)
	}

	address := "/log.csv?from=" + string(rows[0].Day) + "&to=" + string(rows[0].Day)
	before := h.file(address)
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(before, "\ufeff"))).ReadAll()
	if err != nil || len(lines) < 5 || !strings.Contains(lines[0][2], "("+zone+")") {
		t.Fatalf("%d lines, headings %q, %v", len(lines), lines[0], err)
	}
	if told == 0 {
		t.Error("the log tells of no sample")
	}
	// The media vanish: the log stays as it was.
	if err := os.RemoveAll(filepath.Join(h.data(), "audio")); err != nil {
		t.Fatal(err)
	}
	if after := h.file(address); after != before {
		t.Errorf("without the media the log says\n%s\nbefore\n%s", after, before)
	}
	h.page("/log", "Bản tin mot", "Bản tin hai", "Bản tin ba")
}

// file downloads one.
func (h *house) file(path string) string {
	h.t.Helper()
	resp, err := h.client.Get(h.url(path))
	if err != nil {
		h.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err := resp.Body.Close(); err != nil {
		h.t.Error(err)
	}
	if err != nil || resp.StatusCode != 200 {
		h.t.Fatalf("%s: %d %v\n%s", path, resp.StatusCode, err, b)
	}
	return string(b)
}
