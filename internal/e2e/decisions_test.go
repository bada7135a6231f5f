package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// TestCommuneDecides: of what the province sends, what the commune declines does not sound
// and is told as declined; what it moves sounds at its new time; what it leaves to its
// default sounds as laid down.
func TestCommuneDecides(t *testing.T) {
	lane(t, long)
	h := newHouse(t, []string{"a"})
	h.command(secret, "user", "add", "--login", "xa", "--name", "Cán bộ xã", "--role", "editor@xa", "--password-stdin")
	h.serve()
	h.upload("mot", "Bản tin một", tone(t, 3, 440))
	a := h.agent("a", `driver: "null"`)
	due := dueMinute(50 * time.Second)
	z, err := timetable.LoadZone(zone)
	if err != nil {
		t.Fatal(err)
	}
	cron := func(at time.Time) string {
		l := z.In(at)
		return fmt.Sprintf("%d %d * * *", l.Minute(), l.Hour())
	}
	moved := due.Add(time.Minute)
	if radio.DateOf(z.In(due.Add(42*time.Minute))) != radio.DateOf(z.In(due)) {
		t.Skip("what is moved and where to do not fit before midnight")
	}
	var slots strings.Builder
	for code, at := range map[string]time.Time{"nhan": due, "khong": due.Add(30 * time.Second).Truncate(time.Minute), "doi": due.Add(40 * time.Minute)} {
		fmt.Fprintf(&slots, "  - code: %s\n    title: Lịch %s\n    priority: normal\n    targets: [{area: tinh}]\n    from: %s\n    slots: [{code: phien, cron: %q, items: [{code: i, bulletin: mot}]}]\n",
			code, code, radio.DateOf(z.In(due)), cron(at))
	}
	// Twice an hour from now on: one airing of the two is moved.
	twice := z.In(due.Add(40 * time.Minute))
	fmt.Fprintf(&slots, "  - code: hai\n    title: Lịch hai\n    priority: normal\n    targets: [{area: tinh}]\n    from: %s\n    slots: [{code: phien, cron: \"%d,%d %d * * *\", items: [{code: i, bulletin: mot}]}]\n",
		radio.DateOf(z.In(due)), twice.Minute(), (twice.Minute()+1)%60, twice.Hour())
	h.write("schedule.yaml", "schedules:\n"+slots.String())
	h.importPlan()
	h.eventually(20*time.Second, "the airings of the day frozen", func() bool {
		n := 0
		for _, r := range h.log() {
			if r.ScheduleCode == "hai" {
				n++
			}
		}
		return n == 2
	})

	h.as("xa")
	commune := h.communeOf("a")
	address := "/api/v1/offers/" + string(commune)
	var inbox radio.Inbox
	h.get(address, &inbox)
	if len(inbox.Offers) != 4 {
		t.Fatalf("offers %+v", inbox.Offers)
	}
	say := map[string]string{
		"khong": `{"do":"decline","reason":"Trùng lễ hội đền","schedule":%q,"slot":%q}`,
		"doi":   `{"do":"move","to":"` + z.In(moved).Format("15:04") + `","reason":"Sớm hơn cho bà con","schedule":%q,"slot":%q}`,
		"hai":   fmt.Sprintf(`{"do":"move","date":%q,"time":%q,"to":%q,"to_date":%q,`, radio.DateOf(twice), twice.Format("15:04"), z.In(moved).Format("15:04"), radio.DateOf(z.In(moved))) + `"schedule":%q,"slot":%q}`,
	}
	for _, o := range inbox.Offers {
		if form, ok := say[o.Code]; ok {
			body := json.RawMessage(fmt.Sprintf(form, o.Schedule, o.Slot))
			h.post(address+"/decisions", map[string]any{"decisions": []json.RawMessage{body}}, &inbox)
		}
	}
	// The province does not answer in the commune's place.
	h.as(author)
	if status, answer := h.try(http.MethodPost, address+"/decisions", map[string]any{"decisions": []map[string]any{{"do": "accept", "schedule": inbox.Offers[0].Schedule, "slot": inbox.Offers[0].Slot}}}); status != http.StatusForbidden {
		t.Errorf("the province decides: %d %s", status, answer)
	}
	a.ready(due)
	h.until(moved.Add(15 * time.Second))
	rows := map[string]radio.AsRun{}
	h.eventually(90*time.Second, "the device's word on both that sounded", func() bool {
		for _, r := range h.log() {
			if r.Start < radio.At(moved.Add(time.Minute)) {
				rows[r.ScheduleCode] = r
			}
		}
		return rows["nhan"].Outcome == radio.Aired && rows["doi"].Outcome == radio.Aired && rows["hai"].Outcome == radio.Aired
	})
	// Both were moved to one minute: they sound there, one after the other.
	first, second := rows["doi"], rows["hai"]
	if first.Start > second.Start {
		first, second = second, first
	}
	if at := radio.At(moved); first.Key.SlotAt != at || second.Key.SlotAt != at || first.Start != at || second.Start <= at || second.Start > at.Add(5*time.Second) {
		t.Errorf("moved to %s: planned at %s and %s, of slots at %s and %s", moved, first.Start.Time(), second.Start.Time(), first.Key.SlotAt.Time(), second.Key.SlotAt.Time())
	}
	for _, r := range []radio.AsRun{first, second} {
		if r.StartedAt < r.Start.Add(-50*time.Millisecond) || r.StartedAt > r.Start.Add(5*time.Second) {
			t.Errorf("%s: planned at %s, sounded at %s", r.ScheduleCode, r.Start.Time(), r.StartedAt.Time())
		}
	}
	// Its row, frozen before the commune spoke, says where it went; the other one stands.
	left := map[radio.Millis]string{}
	for _, r := range h.log() {
		if r.ScheduleCode == "hai" {
			left[r.Key.SlotAt] = string(r.Outcome) + ":" + string(r.Reason)
		}
	}
	other := twice.Truncate(time.Minute)
	if twice.Minute() == 59 {
		other = other.Add(-59 * time.Minute)
	} else {
		other = other.Add(time.Minute)
	}
	if got := left[radio.At(twice.Truncate(time.Minute))]; got != "cancelled:moved" {
		t.Errorf("where it stood: %q", got)
	}
	if got := left[radio.At(other)]; got != "pending:" && other.After(moved) {
		t.Errorf("the other airing of the day: %q", got)
	}
	if r := rows["khong"]; r.Outcome != radio.Declined || r.Reason != radio.ReasonCommune || r.From != radio.WordCentre || r.Consumed != 0 {
		t.Errorf("declined: %s %s from %q, %d samples", r.Outcome, r.Reason, r.From, r.Consumed)
	}
	h.page("/offers/"+string(commune), "Trùng lễ hội đền", "Sớm hơn cho bà con", "không nhận", "đã đổi giờ")
	h.as("xa")
	h.page("/log", "Địa phương không nhận")
}
