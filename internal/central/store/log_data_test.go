package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// year is a made-up province for benchmarks of the log (scale study §3): 3,000 devices
// in 100 communes, 14 slots a day, 40 campaigns. The same number of days always gives
// the same rows. The last day is still pending.
type year struct {
	days     int
	last     time.Time // UTC midnight of the last local day
	places   []string  // captions, by device
	devices  []radio.DeviceID
	communes []radio.AreaID
}

const (
	yearDevices   = 3000
	yearCommunes  = 100
	yearSlots     = 14
	yearCampaigns = 40
	utc7          = 7 * time.Hour
)

// nth makes ids that are the same every time and sort by n.
func nth[T ~string](kind byte, n int) T {
	return radio.IDFromBytes[T]([16]byte{1, kind, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

func newYear(days int) *year {
	y := &year{days: days, last: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)}
	for c := range yearCommunes {
		y.communes = append(y.communes, nth[radio.AreaID]('c', c))
	}
	for d := range yearDevices {
		y.devices = append(y.devices, nth[radio.DeviceID]('d', d))
		y.places = append(y.places, captionText(map[string]any{"province": "P", "hamlet": nth[string]('h', d/3), "device_code": fmt.Sprintf("loa-%04d", d),
			"device_name": fmt.Sprintf("Cụm loa %d", d), "commune_name": communeName(y.commune(d)), "hamlet_name": fmt.Sprintf("Thôn %d", d/3)}))
	}
	return y
}

func (y *year) commune(device int) int { return device % yearCommunes }

func communeName(n int) string { return fmt.Sprintf("Xã %02d", n) }

func captionText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return string(b)
}

func captionID(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:16])
}

func (y *year) day(n int) time.Time { return y.last.AddDate(0, 0, n+1-y.days) }

func (y *year) date(n int) radio.Date { return radio.DateOf(y.day(n)) }

// slot gives the local minute of a commune's slot: the first seven are the province's,
// the others its own.
func (y *year) slot(commune, n int) radio.TimeOfDay {
	minute := 5*60 + n*65
	if n >= yearSlots/2 {
		minute += commune % 4 * 15
	}
	return radio.TimeOfDay(minute)
}

func (y *year) campaign(day, slot int) radio.CampaignID {
	if slot%5 == 4 {
		return ""
	}
	return nth[radio.CampaignID]('g', (day/9+slot)%yearCampaigns)
}

func (y *year) bulletin(day, slot, commune int) radio.BulletinID {
	if slot >= yearSlots/2 {
		return nth[radio.BulletinID]('o', day/4*yearCommunes+commune)
	}
	return nth[radio.BulletinID]('b', day/4*5+slot%5)
}

// item is the caption of what a slot plays.
func (y *year) item(day, slot, commune int) string {
	own := -1
	if slot >= yearSlots/2 {
		own = commune
	}
	return captionText(map[string]any{"schedule": nth[string]('s', own+1), "slot": nth[string]('t', slot), "entry": nth[string]('e', slot),
		"priority": y.priority(slot), "version": 1, "title": fmt.Sprintf("Bản tin %d của khung %d", day/4, slot), "author": "Nguyễn Thị An", "unit": "Sở VHTTDL",
		"sha256": strings.Repeat("ab", 32), "schedule_code": fmt.Sprintf("lich-%d", own+1), "schedule_title": "Lịch phát hằng ngày"})
}

func (y *year) priority(slot int) radio.Priority {
	if slot == 0 || slot == 9 {
		return radio.Prior
	}
	return radio.Normal
}

// outcome spreads what goes wrong: 2 % silent, 1 % partial, 1 % failed, 0.5 % missed, 0.3 %
// declined by some communes, 0.05 % refused.
func (y *year) outcome(day, slot, device int) (radio.Outcome, radio.Reason) {
	if day == y.days-1 {
		return radio.PendingOutcome, ""
	}
	switch h := mix(day, slot, device) % 10_000; {
	case h < 200:
		return radio.Silent, ""
	case h < 300:
		return radio.Partial, radio.ReasonOff
	case h < 400:
		return radio.Failed, radio.ReasonOutput
	case h < 450:
		return radio.Missed, radio.ReasonNoAudio
	case h < 550 && y.commune(device)%3 == 0:
		return radio.Declined, ""
	case h < 555:
		return radio.Refused, radio.ReasonPolicy
	}
	return radio.Aired, ""
}

func mix(a, b, c int) uint64 {
	x := uint64(a)*0x9e3779b97f4a7c15 ^ uint64(b)*0xbf58476d1ce4e5b9 ^ uint64(c)*0x94d049bb133111eb
	x ^= x >> 31
	x *= 0xd6e8feb86659fd93
	return x ^ x>>32
}

// row is an airing of the year, not yet with its texts.
type yearRow struct {
	radio.AsRun
	place, item string // ids of captions
}

// month gives the rows whose slot lies in a month (yyyymm, UTC), in the order of the
// primary key; and what it names in captions the first time.
func (y *year) month(month int64, caption func(id, body string)) iter.Seq[yearRow] {
	first := time.Date(int(month/100), time.Month(month%100), 1, 0, 0, 0, 0, time.UTC)
	from := max(0, int(first.Sub(y.day(0)).Hours()/24)-1)
	to := min(y.days, int(first.AddDate(0, 1, 0).Sub(y.day(0)).Hours()/24)+2)
	items := map[[3]int]string{}
	return func(yield func(yearRow) bool) {
		for d, device := range y.devices {
			commune := y.commune(d)
			place := captionID(y.places[d])
			caption(place, y.places[d])
			var rows []yearRow
			for day := from; day < to; day++ {
				midnight := y.day(day).Add(-utc7)
				for slot := range yearSlots {
					minute := y.slot(commune, slot)
					at := midnight.Add(time.Duration(minute) * time.Minute)
					if int64(at.Year())*100+int64(at.Month()) != month {
						continue
					}
					own := -1
					if slot >= yearSlots/2 {
						own = commune
					}
					item, ok := items[[3]int{day / 4, slot, own}]
					if !ok {
						body := y.item(day, slot, commune)
						item = captionID(body)
						items[[3]int{day / 4, slot, own}] = item
						caption(item, body)
					}
					rows = append(rows, y.row(day, slot, d, minute, radio.At(at), device, place, item))
				}
			}
			slices.SortFunc(rows, func(a, b yearRow) int { return strings.Compare(string(a.Airing), string(b.Airing)) })
			for _, r := range rows {
				if !yield(r) {
					return
				}
			}
		}
	}
}

func (y *year) row(day, slot, d int, minute radio.TimeOfDay, at radio.Millis, device radio.DeviceID, place, item string) yearRow {
	commune := y.commune(d)
	key := radio.AiringKey{Device: device, Schedule: nth[radio.ScheduleID]('s', 0), Slot: nth[radio.SlotID]('t', slot), SlotAt: at, Entry: nth[radio.EntryID]('e', slot), Repeat: 1}
	a := radio.AsRun{Airing: key.ID(), Key: key, Origin: radio.FromSchedule, Day: y.date(day), SlotTime: minute, Start: at, Samples: 5_292_000,
		Priority: y.priority(slot), Revision: int64(at / 1000), Held: int64(at / 1000), FrozenAt: at - 86400_000, Deadline: at + 86400_000,
		Campaign: y.campaign(day, slot), Commune: y.communes[commune], Bulletin: y.bulletin(day, slot, commune), Expected: 5_292_000, KnownAt: at + 130_000}
	a.Outcome, a.Reason = y.outcome(day, slot, d)
	switch a.Outcome {
	case radio.PendingOutcome:
		a.KnownAt = a.FrozenAt
	case radio.Silent:
		a.From, a.Words = radio.WordCentre, 1
	default:
		a.From, a.Words, a.Clock = radio.WordDevice, 1, "trusted"
		if a.Outcome == radio.Aired || a.Outcome == radio.Partial {
			a.StartedAt, a.Consumed, a.Proof = at+40, 5_292_000, "consumed"
		}
	}
	// One in 500 was a command or an alert.
	if h := mix(slot, d, day) % 1000; h < 2 {
		a.FrozenAt, a.Campaign = 0, ""
		a.Origin = radio.FromCommand
		if h == 1 && day%10 == 0 {
			a.Origin, a.Priority = radio.FromAlert, radio.Emergency
		}
	}
	return yearRow{a, place, item}
}

// months lists the months the year's rows stand in, in order.
func (y *year) months() []int64 {
	var out []int64
	for d := -1; d < y.days; d++ {
		at := y.day(d)
		if m := int64(at.Year())*100 + int64(at.Month()); !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}
