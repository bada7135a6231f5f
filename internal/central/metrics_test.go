package central

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"loaxa/internal/central/broker"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

func TestMetrics(t *testing.T) {
	zone, err := timetable.LoadZone("Asia/Ho_Chi_Minh")
	if err != nil {
		t.Fatal(err)
	}
	var logErr error
	var asked radio.LogFilter
	m := newMetrics(house{
		states: func(context.Context) ([]radio.DeviceState, error) {
			return []radio.DeviceState{{Presence: radio.Presence{Alive: true}}, {}}, nil
		},
		places: func(context.Context) ([]radio.Place, error) {
			return []radio.Place{{Device: radio.Device{Enrolled: 1}}, {Device: radio.Device{Enrolled: 1}}, {}}, nil
		},
		totals: func(_ context.Context, f radio.LogFilter) (radio.LogTotals, error) {
			asked = f
			return radio.LogTotals{Unplanned: 2, Outcomes: map[radio.Outcome]int64{radio.Aired: 7}}, logErr
		},
		broker: func() broker.Stats { return broker.Stats{Connections: 1, Received: 5} },
		now:    func() time.Time { return time.Date(2026, 1, 1, 20, 0, 0, 0, time.UTC) }, zone: zone, log: slog.New(slog.DiscardHandler),
	})
	m.observe("GET /log", 200, 10*time.Millisecond)
	ask := func() string {
		w := httptest.NewRecorder()
		m.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		p := expfmt.NewTextParser(model.UTF8Validation)
		if _, err := p.TextToMetricFamilies(strings.NewReader(w.Body.String())); err != nil {
			t.Fatalf("not the text format: %v", err)
		}
		return w.Body.String()
	}
	text := ask()
	for _, line := range []string{
		`loaxa_devices{state="all"} 3`, `loaxa_devices{state="enrolled"} 2`, `loaxa_devices{state="online"} 1`, `loaxa_airings_today{outcome="aired"} 7`,
		`loaxa_airings_today{outcome="pending"} 0`, "loaxa_unplanned_today 2", "loaxa_mqtt_connections 1", `loaxa_mqtt_messages_total{kind="received"} 5`,
		`loaxa_http_request_seconds_count{route="GET /log",status="200"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("missing %s", line)
		}
	}
	if asked.From != "2026-01-02" || asked.To != "2026-01-02" {
		t.Errorf("the day is not the local one: %+v", asked)
	}
	logErr = errors.New("database away")
	if text := ask(); strings.Contains(text, "loaxa_airings_today") || !strings.Contains(text, "loaxa_devices") {
		t.Error("what cannot be read must be left out, the rest must stay")
	}
}
