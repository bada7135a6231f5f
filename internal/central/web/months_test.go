package web

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// TestMonths: what is closed and what is not, who closes, and what came later.
func TestMonths(t *testing.T) {
	h := newHouse(t)
	want(t, h.ask(t, http.MethodGet, "/log/months", ""), http.StatusOK, `href="/log/months/2025-09"`, "09/2025", "Đã chốt", "Chưa chốt", "Chưa hết tháng",
		"tự chốt ngày 30/11/2025", "root-thumbprint", "ab00000000")
	h.inEnglish(t, "/log/months", "Closed months", "Not over yet", "Independent verification")
	row := h.log.rows[0]
	h.months.amended = []radio.Amendment{{Month: "2025-09", Was: radio.Silent, Row: row, Word: radio.Word{Airing: row.Airing, KnownAt: radio.At(now), Outcome: radio.Aired}}}
	want(t, h.ask(t, http.MethodGet, "/log/months/2025-09", ""), http.StatusOK, "Kế hoạch: 4 lượt phát", "Mã của bản chốt: abc", "điểm chốt số 7", "tự động",
		"known_at=2025-11-22T02%3A29%3A59Z", "Bổ sung sau khi chốt", row.CommuneName, "Không phản hồi", "Đã phát")
	h.inEnglish(t, "/log/months/2025-09", "The log as it was closed", "Amendments since")
	if len(h.months.asked) == 0 || h.months.asked[0] != nil {
		t.Errorf("asked for the communes %v", h.months.asked)
	}
	want(t, h.ask(t, http.MethodGet, "/log/months/2025-10", ""), http.StatusOK, `action="/log/months/2025-10/closed"`, "Chốt tháng 10/2025")
	want(t, h.ask(t, http.MethodGet, "/log/months/2025-08", ""), http.StatusNotFound)
	want(t, h.ask(t, http.MethodGet, "/log/months/x", ""), http.StatusNotFound)
	want(t, h.ask(t, http.MethodPost, "/log/months/2025-10/closed", ""), http.StatusSeeOther)
	want(t, h.ask(t, http.MethodPost, "/log/months/2025-09/closed", ""), http.StatusConflict)
	if !slices.Equal(h.months.acts, []string{"close 2025-10 lan"}) {
		t.Errorf("acts %q", h.months.acts)
	}
	var list monthsAnswer
	w := h.ask(t, http.MethodGet, "/api/v1/log/months", "")
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list.Months) != 3 || list.Months[2].Closed.Planned[radio.Aired] != 3 {
		t.Errorf("%s, %v", w.Body, err)
	}
	var marks checkpointsAnswer
	w = h.ask(t, http.MethodGet, "/api/v1/log/checkpoints", "")
	if err := json.Unmarshal(w.Body.Bytes(), &marks); err != nil || len(marks.Checkpoints) != 1 || !strings.HasPrefix(marks.Checkpoints[0].Digest, "ab00") {
		t.Errorf("%s, %v", w.Body, err)
	}
}

// TestEvidence: a bundle is of what its reader may see, and of the days asked for.
func TestEvidence(t *testing.T) {
	h := newHouse(t)
	w := h.ask(t, http.MethodGet, "/log/evidence?from=2025-10-01&to=2025-10-31", "")
	want(t, w, http.StatusOK, "bundle")
	if got := w.Header().Get("Content-Disposition"); !strings.Contains(got, "Bang chung nhat ky 2025-10-01") {
		t.Errorf("named %s", got)
	}
	f := h.months.bundles[0]
	if f.From != "2025-10-01" || f.To != "2025-10-31" || f.Communes != nil || f.Owner != lan.ID {
		t.Errorf("%+v", f)
	}
	want(t, h.ask(t, http.MethodGet, "/log/evidence?from=x", ""), http.StatusUnprocessableEntity)
	want(t, h.ask(t, http.MethodGet, "/api/v1/log/evidence?commune=x", ""), http.StatusUnprocessableEntity)
	if len(h.months.bundles) != 1 {
		t.Errorf("bundles %v", h.months.bundles)
	}
}

// TestKnownAt: an address says an instant exactly; a page's field says it in the
// province's time.
func TestKnownAt(t *testing.T) {
	h := newHouse(t)
	for _, address := range []string{"known_at=2025-11-21T17:00:00Z", "known_at=2025-11-22T00:00"} {
		w := h.ask(t, http.MethodGet, "/log?from=2025-11-20&to=2025-11-22&"+address, "")
		want(t, w, http.StatusOK, `value="2025-11-22T00:00"`, "Số liệu như đã biết đến", "known_at=2025-11-21T17%3A00%3A00Z")
	}
	want(t, h.ask(t, http.MethodGet, "/log?from=2025-11-20&to=2025-11-22&known_at=x", ""), http.StatusUnprocessableEntity, "thời điểm phải có dạng")
	want(t, h.ask(t, http.MethodGet, "/log?known_at=2025-11-21T17:00:00Z", ""), http.StatusUnprocessableEntity, "nhiều nhất 92 ngày")
	want(t, h.ask(t, http.MethodGet, "/log/days?day=2025-11-20&known_at=2025-11-21T17:00:00Z", ""), http.StatusOK, "Số liệu như đã biết đến", "known_at=2025-11-21T17")
}
