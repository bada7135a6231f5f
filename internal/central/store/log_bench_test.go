package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

// BenchmarkLog measures each query of the log's pages on a made-up province, over
// random arguments, on both engines; `make bench-log-1m` and `make bench-log` run it. By
// environment:
//
//	LOAXA_BENCH_LOG_DAYS   days of 42,000 rows; without it the benchmark is skipped
//	LOAXA_BENCH_LOG_DIR    where the databases are kept between runs
//	LOAXA_BENCH_LOG_ENGINE sqlite or postgres; without it both
//	LOAXA_BENCH_LOG_MS     a query whose 95th percentile is above it fails
func BenchmarkLog(b *testing.B) {
	days, err := strconv.Atoi(os.Getenv("LOAXA_BENCH_LOG_DAYS"))
	if err != nil || days < 2 {
		b.Skip("set LOAXA_BENCH_LOG_DAYS, or run make bench-log-1m")
	}
	dir := os.Getenv("LOAXA_BENCH_LOG_DIR")
	if dir == "" {
		dir = b.TempDir()
	}
	limit, _ := strconv.ParseFloat(os.Getenv("LOAXA_BENCH_LOG_MS"), 64)
	for _, engine := range []string{"sqlite", "postgres"} {
		if only := os.Getenv("LOAXA_BENCH_LOG_ENGINE"); only != "" && only != engine {
			continue
		}
		b.Run(engine, func(b *testing.B) {
			dsn, pg := filepath.Join(dir, fmt.Sprintf("log-%d.db", days)), engine == "postgres"
			if pg {
				cluster, err := storetest.StartPostgresIn(context.Background(), filepath.Join(dir, "pg"))
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() {
					if err := cluster.Stop(); err != nil {
						b.Error(err)
					}
				})
				if dsn, err = cluster.Kept(b.Context(), fmt.Sprintf("log_%d", days)); err != nil {
					b.Fatal(err)
				}
			}
			s, y := openYear(b, dsn, pg, days)
			totals, err := s.LogTotals(b.Context(), radio.LogFilter{})
			if err != nil || totals.Planned+totals.Unplanned != int64(days)*yearDevices*yearSlots {
				b.Fatalf("the data set holds %+v, %v", totals, err)
			}
			for _, q := range y.queries(s) {
				b.Run(q.name, func(b *testing.B) { measure(b, q, limit) })
			}
		})
	}
}

type logQuery struct {
	name string
	// ask asks once, with random arguments, and gives how many rows came.
	ask func(ctx context.Context, r *rand.Rand) (int, error)
}

func measure(b *testing.B, q logQuery, limit float64) {
	// A centre has been running for a while: as many other arguments are asked first.
	r := rand.New(rand.NewPCG(1, 2))
	for range b.N {
		if _, err := q.ask(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	var times []float64
	rows := 0
	b.ResetTimer()
	for range b.N {
		start := time.Now()
		n, err := q.ask(b.Context(), r)
		if err != nil {
			b.Fatal(err)
		}
		times, rows = append(times, time.Since(start).Seconds()*1000), rows+n
	}
	b.StopTimer()
	slices.Sort(times)
	at := func(p float64) float64 { return times[min(len(times)-1, int(p*float64(len(times))))] }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(at(0.5), "ms-p50")
	b.ReportMetric(at(0.95), "ms-p95")
	b.ReportMetric(times[len(times)-1], "ms-max")
	b.ReportMetric(float64(rows)/float64(len(times)), "rows")
	if limit > 0 && len(times) >= 200 && at(0.95) > limit {
		b.Errorf("95%% within %.1f ms, wanted %.0f ms", at(0.95), limit)
	}
}

// queries are what the log's pages ask, each with the filters people combine.
func (y *year) queries(s *store.Store) []logQuery {
	part := func(f radio.LogFilter, after radio.LogCursor, limit int) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			rows, err := s.AsRuns(ctx, f, after, limit)
			return len(rows), err
		}
	}
	// A page of the log is its rows and its totals.
	page := func(f func(r *rand.Rand) radio.LogFilter) func(context.Context, *rand.Rand) (int, error) {
		return func(ctx context.Context, r *rand.Rand) (int, error) {
			filter := f(r)
			if _, err := s.LogTotals(ctx, filter); err != nil {
				return 0, err
			}
			return part(filter, radio.LogCursor{}, 61)(ctx)
		}
	}
	out := []logQuery{
		{"page/deep", func(ctx context.Context, r *rand.Rand) (int, error) {
			day := r.IntN(y.days)
			return part(radio.LogFilter{}, radio.LogCursor{Day: y.date(day), Start: radio.At(y.day(day)), Airing: nth[radio.AiringID]('z', 0)}, 61)(ctx)
		}},
		{"export/first-page", func(ctx context.Context, r *rand.Rand) (int, error) {
			return part(radio.LogFilter{Commune: y.anyCommune(r)}, radio.LogCursor{}, 500)(ctx)
		}},
		{"matrix/day", func(ctx context.Context, r *rand.Rand) (int, error) {
			d := y.anyDay(r)
			rows, err := s.LogSlots(ctx, radio.LogFilter{From: d, To: d})
			return len(rows), err
		}},
		{"matrix/day-of-communes", func(ctx context.Context, r *rand.Rand) (int, error) {
			d := y.anyDay(r)
			rows, err := s.LogSlots(ctx, radio.LogFilter{From: d, To: d, Communes: y.some(r)})
			return len(rows), err
		}},
		{"choices/day", func(ctx context.Context, r *rand.Rand) (int, error) {
			d := y.anyDay(r)
			c, err := s.LogChoices(ctx, radio.LogFilter{From: d})
			return len(c.Slots), err
		}},
		{"history", func(ctx context.Context, r *rand.Rand) (int, error) {
			day, slot, d := r.IntN(y.days), r.IntN(yearSlots), r.IntN(yearDevices)
			minute := y.slot(y.commune(d), slot)
			row := y.row(day, slot, d, minute, radio.At(y.day(day).Add(-utc7+time.Duration(minute)*time.Minute)), y.devices[d], "", "")
			_, words, err := s.AsRunHistory(ctx, row.Key.Device, row.Airing)
			return len(words), err
		}},
		{"campaign/progress", func(ctx context.Context, r *rand.Rand) (int, error) {
			rows, err := s.LogMonths(ctx, radio.LogFilter{Campaign: y.anyCampaign(r)})
			return len(rows), err
		}},
		{"bulletin/report", func(ctx context.Context, r *rand.Rand) (int, error) {
			f := radio.LogFilter{Bulletin: y.anyBulletin(r)}
			if _, err := s.LogCommunes(ctx, f); err != nil {
				return 0, err
			}
			f.Outcome = radio.Lacking
			return part(f, radio.LogCursor{}, 201)(ctx)
		}},
		{"days/commune-month", func(ctx context.Context, r *rand.Rand) (int, error) {
			f := radio.LogFilter{Commune: y.anyCommune(r)}
			f.From, f.To = y.month30(r)
			rows, err := s.LogCounts(ctx, f)
			return len(rows), err
		}},
	}
	for _, c := range y.filters() {
		out = append(out, logQuery{"page/" + c.name, page(c.filter)})
	}
	return out
}

type namedFilter struct {
	name   string
	filter func(r *rand.Rand) radio.LogFilter
}

// filters are each filter alone, and the combinations.
func (y *year) filters() []namedFilter {
	var none radio.LogFilter
	type set func(r *rand.Rand, f *radio.LogFilter)
	commune := func(r *rand.Rand, f *radio.LogFilter) { f.Commune = y.anyCommune(r) }
	device := func(r *rand.Rand, f *radio.LogFilter) { f.Device = y.devices[r.IntN(yearDevices)] }
	day := func(r *rand.Rand, f *radio.LogFilter) { f.From = y.anyDay(r); f.To = f.From }
	month := func(r *rand.Rand, f *radio.LogFilter) { f.From, f.To = y.month30(r) }
	slot := func(r *rand.Rand, f *radio.LogFilter) { f.Slot = y.slot(r.IntN(4), r.IntN(yearSlots)).String() }
	bulletin := func(r *rand.Rand, f *radio.LogFilter) { f.Bulletin = y.anyBulletin(r) }
	campaign := func(r *rand.Rand, f *radio.LogFilter) { f.Campaign = y.anyCampaign(r) }
	scope := func(r *rand.Rand, f *radio.LogFilter) { f.Communes = y.some(r) }
	outcome := func(r *rand.Rand, f *radio.LogFilter) { f.Outcome = radio.Outcomes()[r.IntN(10)] }
	only := func(o radio.Outcome) set { return func(_ *rand.Rand, f *radio.LogFilter) { f.Outcome = o } }
	priority := func(p radio.Priority) set { return func(_ *rand.Rand, f *radio.LogFilter) { f.Priority = p } }
	origin := func(o radio.Origin) set { return func(_ *rand.Rand, f *radio.LogFilter) { f.Origin = o } }
	var out []namedFilter
	add := func(name string, sets ...set) {
		out = append(out, namedFilter{name, func(r *rand.Rand) radio.LogFilter {
			f := none
			for _, s := range sets {
				s(r, &f)
			}
			return f
		}})
	}
	add("all")
	add("commune", commune)
	add("device", device)
	add("day", day)
	add("month", month)
	add("slot", slot)
	add("bulletin", bulletin)
	add("campaign", campaign)
	add("outcome", outcome)
	add("aired", only(radio.Aired))
	add("pending", only(radio.PendingOutcome))
	add("not-aired", only(radio.NotAired))
	add("lacking", only(radio.Lacking))
	add("unplanned", only(radio.Unplanned))
	add("priority", priority(radio.Prior))
	add("normal", priority(radio.Normal))
	add("emergency", priority(radio.Emergency))
	add("planned-origin", origin(radio.FromSchedule))
	add("alert", origin(radio.FromAlert))
	add("scope", scope)
	add("commune,day", commune, day)
	add("commune,month,outcome", commune, month, outcome)
	add("commune,slot", commune, slot)
	add("commune,campaign", commune, campaign)
	add("commune,campaign,lacking", commune, campaign, only(radio.Lacking))
	add("commune,bulletin", commune, bulletin)
	add("commune,priority", commune, priority(radio.Prior))
	add("commune,unplanned", commune, only(radio.Unplanned))
	add("device,outcome", device, outcome)
	add("day,slot", day, slot)
	add("day,lacking", day, only(radio.Lacking))
	add("month,campaign", month, campaign)
	add("month,slot,outcome", month, slot, outcome)
	add("campaign,outcome", campaign, outcome)
	add("campaign,lacking", campaign, only(radio.Lacking))
	add("campaign,slot", campaign, slot)
	add("bulletin,outcome", bulletin, outcome)
	add("bulletin,slot", bulletin, slot)
	add("slot,lacking", slot, only(radio.Lacking))
	add("slot,priority", slot, priority(radio.Prior))
	add("priority,outcome", priority(radio.Prior), outcome)
	add("scope,day", scope, day)
	add("scope,lacking", scope, only(radio.Lacking))
	add("scope,campaign", scope, campaign)
	add("scope,slot", scope, slot)
	return out
}

func (y *year) anyCommune(r *rand.Rand) radio.AreaID { return y.communes[r.IntN(yearCommunes)] }
func (y *year) anyDay(r *rand.Rand) radio.Date       { return y.date(r.IntN(y.days)) }
func (y *year) anyCampaign(r *rand.Rand) radio.CampaignID {
	return nth[radio.CampaignID]('g', r.IntN(min(yearCampaigns, yearSlots+y.days/9)))
}

// anyBulletin is one of the province's or, as often, a commune's own.
func (y *year) anyBulletin(r *rand.Rand) radio.BulletinID {
	return y.bulletin(r.IntN(y.days), r.IntN(yearSlots), r.IntN(yearCommunes))
}

// some are the communes of one person.
func (y *year) some(r *rand.Rand) []radio.AreaID {
	var out []radio.AreaID
	for range 3 {
		out = append(out, y.anyCommune(r))
	}
	return out
}

func (y *year) month30(r *rand.Rand) (from, to radio.Date) {
	d := r.IntN(max(1, y.days-30))
	return y.date(d), y.date(min(y.days-1, d+29))
}
