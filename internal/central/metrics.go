package central

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"loaxa/internal/central/broker"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// metrics are what a monitor reads at /metrics: what the centre did (requests, messages)
// and how the province stands (clusters, airings), the latter read when it is asked for.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

// house is what the metrics tell of the province.
type house struct {
	states func(context.Context) ([]radio.DeviceState, error)
	places func(context.Context) ([]radio.Place, error)
	totals func(context.Context, radio.LogFilter) (radio.LogTotals, error)
	broker func() broker.Stats
	now    func() time.Time
	zone   timetable.Zone
	log    *slog.Logger
}

func newMetrics(h house) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "loaxa_http_request_seconds", Help: "Time to answer a person's or a program's request, by route and status.",
		Buckets: []float64{.005, .02, .05, .1, .25, 1, 5},
	}, []string{"route", "status"})}
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "loaxa_info", Help: "1, with the program's version.", ConstLabels: prometheus.Labels{"version": radio.Version}})
	info.Set(1)
	m.registry.MustRegister(m.requests, info, &h, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) observe(pattern string, status int, took time.Duration) {
	m.requests.WithLabelValues(pattern, strconv.Itoa(status)).Observe(took.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 2, Timeout: 10 * time.Second})
}

var (
	devicesDesc  = prometheus.NewDesc("loaxa_devices", "Loudspeaker clusters by state; one can be in several.", []string{"state"}, nil)
	airingsDesc  = prometheus.NewDesc("loaxa_airings_today", "Planned airings of the local day by outcome.", []string{"outcome"}, nil)
	strayDesc    = prometheus.NewDesc("loaxa_unplanned_today", "Sound of the local day that nobody planned.", nil, nil)
	linksDesc    = prometheus.NewDesc("loaxa_mqtt_connections", "Devices connected to the broker; 1 for an external broker that is connected.", nil, nil)
	messagesDesc = prometheus.NewDesc("loaxa_mqtt_messages_total", "Messages by what became of them.", []string{"kind"}, nil)
)

// Describe is prometheus.Collector.
func (h *house) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{devicesDesc, airingsDesc, strayDesc, linksDesc, messagesDesc} {
		to <- d
	}
}

// Collect is prometheus.Collector. What cannot be read is left out and logged: a number
// that is missing is noticed, a wrong one is not.
func (h *house) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	places, err1 := h.places(ctx)
	states, err2 := h.states(ctx)
	if err1 != nil || err2 != nil {
		h.log.Error("metrics: read devices", "error", err1, "states_error", err2)
	} else {
		var enrolled, online int
		for _, p := range places {
			if p.Device.Enrolled != 0 {
				enrolled++
			}
		}
		for _, s := range states {
			if s.Alive {
				online++
			}
		}
		gauge(devicesDesc, float64(len(places)), "all")
		gauge(devicesDesc, float64(enrolled), "enrolled")
		gauge(devicesDesc, float64(online), "online")
	}
	day := h.zone.Date(h.now())
	totals, err := h.totals(ctx, radio.LogFilter{From: day, To: day})
	if err != nil {
		h.log.Error("metrics: read today's log", "error", err)
	} else {
		for _, o := range radio.Outcomes() {
			gauge(airingsDesc, float64(totals.Outcomes[o]), string(o))
		}
		gauge(strayDesc, float64(totals.Unplanned))
	}
	b := h.broker()
	gauge(linksDesc, float64(b.Connections))
	for kind, n := range map[string]int64{"received": b.Received, "sent": b.Sent, "rejected": b.Rejected, "denied": b.Denied, "dropped": b.Dropped} {
		to <- prometheus.MustNewConstMetric(messagesDesc, prometheus.CounterValue, float64(n), kind)
	}
}
