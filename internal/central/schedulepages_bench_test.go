package central

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"loaxa/internal/central/broker"
	"loaxa/internal/central/export"
	"loaxa/internal/central/library"
	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/central/web"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// BenchmarkSchedulePages asks the console for the pages of schedules, over a province of
// 69 communes with 3,500 devices, each with a report of 20 audio files: 5 schedules of the
// province and 8 of every commune on the air, a draft for the whole province and one for a
// commune. "first" is the page when the plan has just changed, the others when it has not.
//
//	go test -run '^$' -bench SchedulePages -benchtime 5x ./internal/central
func BenchmarkSchedulePages(b *testing.B) {
	p := layProvince(b)
	for _, page := range []struct{ name, path string }{
		{"list", "/schedules"},
		{"on-air", "/schedules/" + string(p.onAir)},
		{"draft-commune", "/schedules/" + string(p.commune)},
		{"draft-province", "/schedules/" + string(p.province)},
		{"holders", "/schedules/" + string(p.onAir) + "/devices"},
		{"week", "/schedules/week?commune=" + string(p.where)},
	} {
		b.Run("first/"+page.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				p.touch(b)
				b.StartTimer()
				p.get(b, page.path)
			}
		})
		b.Run(page.name, func(b *testing.B) {
			p.get(b, page.path)
			for b.Loop() {
				p.get(b, page.path)
			}
		})
	}
}

// benchProvince is a console over a province that is laid down.
type benchProvince struct {
	*caller
	c       *Central
	touched int
	// ruled and rules are the province's rules, and how often they were laid down.
	ruled radio.PolicyID
	rules int
	where radio.AreaID // a commune
	// Schedules: one on the air everywhere, and two drafts.
	onAir, commune, province radio.ScheduleID
}

func (p *benchProvince) get(b *testing.B, path string) {
	if w := p.call(http.MethodGet, path, "", http.StatusOK, nil); !bytes.Contains(w.Body.Bytes(), []byte("</html>")) {
		b.Fatalf("%s is no whole page", path)
	}
}

// touch changes a little of the plan.
func (p *benchProvince) touch(b *testing.B) {
	p.touched++
	change := radio.PlanChange{At: radio.Millis(p.touched), Author: "a", Approver: "b", Areas: []radio.Area{{
		ID: benchID[radio.AreaID]('t', p.touched), Code: fmt.Sprint("moi-", p.touched), Kind: radio.Commune, Name: "Xã mới", Parent: benchID[radio.AreaID]('a', 0)}}}
	if err := p.c.store.ApplyPlan(b.Context(), change); err != nil {
		b.Fatal(err)
	}
}

func benchID[T ~string](kind byte, n int) T {
	return radio.IDFromBytes[T]([16]byte{1, kind, 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)})
}

func layProvince(b *testing.B) *benchProvince {
	b.Helper()
	ctx, now := b.Context(), time.Now()
	c := opened(b)
	p := &benchProvince{c: c}
	sample := storetest.SamplePlan()
	root := radio.Area{ID: benchID[radio.AreaID]('a', 0), Code: "ha-tinh", Kind: radio.Province, Name: "Tỉnh Hà Tĩnh", Zone: "Asia/Ho_Chi_Minh"}
	ring := newRingOf(b, sample.Approver, root.ID)
	change := radio.PlanChange{At: radio.At(now), Author: sample.Author, Approver: sample.Approver, Areas: []radio.Area{root}}
	status := radio.Status{Revisions: radio.RevisionStatus{Programme: now.Unix() - 3600}}
	for n := range 20 {
		x := storetest.SampleBulletin(fmt.Sprint("tin-", n), 1, sample.Author)
		x.ID, x.State, x.DecidedBy, x.DecidedAt = benchID[radio.BulletinID]('b', n), radio.Approved, sample.Approver, 1
		x.Area, x.ValidFrom, x.ValidUntil = root.ID, 0, 0
		ring.sign(b, &x)
		change.Bulletins = append(change.Bulletins, x)
		for _, r := range x.Renditions {
			status.Audio = append(status.Audio, radio.AudioStatus{SHA256: r.SHA256, Ready: true})
		}
	}
	number := 0
	schedule := func(owner, target radio.AreaID) radio.Schedule {
		number++
		s := radio.Schedule{ID: benchID[radio.ScheduleID]('s', number), Code: fmt.Sprint("lich-", number), Version: 1, Title: fmt.Sprint("Lịch số ", number), Area: owner,
			Priority: radio.Normal, Targets: []radio.Target{{Area: target}}, Zone: root.Zone, From: "2026-01-01", GraceSeconds: 120, Author: sample.Author, Approver: sample.Approver, ApprovedAt: 1}
		for k, hour := range []int{5 + number%3, 17 + number%2} {
			s.Slots = append(s.Slots, radio.Slot{ID: benchID[radio.SlotID]('l', 2*number+k), Code: fmt.Sprint("khung-", k), Cron: fmt.Sprintf("%d %d * * *", number*7%60, hour),
				Items: []radio.Entry{{ID: benchID[radio.EntryID]('e', 2*number+k), Code: "a", Kind: radio.KindAudio, Bulletin: benchID[radio.BulletinID]('b', number%20), Repeat: 1}}})
		}
		return s
	}
	for range 5 {
		change.Schedules = append(change.Schedules, schedule(root.ID, root.ID))
	}
	for n := 1; n <= 69; n++ {
		commune := radio.Area{ID: benchID[radio.AreaID]('a', n), Code: fmt.Sprint("xa-", n), Kind: radio.Commune, Name: fmt.Sprint("Xã số ", n), Parent: root.ID}
		change.Areas = append(change.Areas, commune)
		for h := range 5 {
			hamlet := radio.Area{ID: benchID[radio.AreaID]('h', 10*n+h), Code: fmt.Sprintf("thon-%d-%d", n, h), Kind: radio.Hamlet, Name: fmt.Sprint("Thôn ", h), Parent: commune.ID}
			change.Areas = append(change.Areas, hamlet)
			for d := range 11 {
				if len(change.Devices) < 3500 {
					change.Devices = append(change.Devices, radio.Device{ID: benchID[radio.DeviceID]('d', 100*n+11*h+d), Code: fmt.Sprintf("cum-%d-%d-%d", n, h, d), Name: fmt.Sprint("Cụm ", d), Hamlet: hamlet.ID, Rendition: 64})
				}
			}
		}
		for range 8 {
			change.Schedules = append(change.Schedules, schedule(commune.ID, commune.ID))
		}
	}
	if err := c.store.ApplyPlan(ctx, change); err != nil {
		b.Fatal(err)
	}
	p.where, p.onAir = benchID[radio.AreaID]('a', 7), change.Schedules[0].ID
	p.enrol(b, change, status, now)
	p.draft(b, &p.commune, schedule(p.where, p.where), sample.Author, now)
	p.draft(b, &p.province, schedule(root.ID, root.ID), sample.Author, now)
	p.open(b, root, ring)
	return p
}

// enrol lets every device speak, with a programme that holds all that is for it.
func (p *benchProvince) enrol(b *testing.B, change radio.PlanChange, status radio.Status, now time.Time) {
	b.Helper()
	ctx := b.Context()
	body, err := json.Marshal(status)
	if err != nil {
		b.Fatal(err)
	}
	var news []radio.DeviceNews
	for i, d := range change.Devices {
		secret := fmt.Sprint("h", i)
		err := p.c.store.AddEnrolmentCode(ctx, radio.EnrolmentCode{SecretHash: secret, Device: d.ID, CreatedAt: 1, ExpiresAt: 1 << 50})
		if err == nil {
			err = p.c.store.Enrol(ctx, secret, radio.Certificate{Serial: fmt.Sprint(i), Device: d.ID, IssuedAt: 2, NotAfter: 1 << 50})
		}
		programme, jsonErr := json.Marshal(radio.Programme{Device: d.ID, Revision: status.Revisions.Programme})
		if err == nil && jsonErr == nil {
			err = p.c.store.AddIssued(ctx, radio.Issued{Device: d.ID, Document: "programme", Revision: status.Revisions.Programme, IssuedAt: radio.At(now), Payload: programme, Envelope: programme})
		}
		if err != nil || jsonErr != nil {
			b.Fatal(err, jsonErr)
		}
		news = append(news, radio.DeviceNews{Device: d.ID, Received: radio.At(now), Presence: &radio.Presence{Alive: true, Connection: 1, At: radio.At(now)}, Reported: body})
	}
	if err := p.c.store.Log(ctx, func(tx *store.LogTx) error { return tx.PutNews(ctx, news) }); err != nil {
		b.Fatal(err)
	}
}

func (p *benchProvince) draft(b *testing.B, id *radio.ScheduleID, s radio.Schedule, author radio.UserID, now time.Time) {
	b.Helper()
	*id = s.ID
	x := radio.ScheduleDraft{Doc: s, Revision: 1, State: radio.DraftSubmitted, Authors: []radio.UserID{author}, SavedAt: radio.At(now)}
	if err := p.c.store.PutScheduleDrafts(b.Context(), []radio.DraftWrite{{Draft: x}}, radio.DeskAct{At: radio.At(now), By: author, Action: "schedule.submit"}); err != nil {
		b.Fatal(err)
	}
}

// open signs an administrator in to the console as the centre composes it.
func (p *benchProvince) open(b *testing.B, root radio.Area, ring *ringOf) {
	b.Helper()
	const secret = "chiều nay trời mưa to"
	grants := []radio.Grant{{Role: radio.RoleApprover, Area: radio.Everywhere}, {Role: radio.RoleEditor, Area: radio.Everywhere}}
	if _, err := p.c.people.Add(b.Context(), "quan-tri", "Quản trị", secret, grants, "test"); err != nil {
		b.Fatal(err)
	}
	zone, err := timetable.LoadZone(root.Zone)
	if err != nil {
		b.Fatal(err)
	}
	w, err := p.c.watching(b.Context(), zone, &outlet{}, func() {})
	if err != nil {
		b.Fatal(err)
	}
	files := export.New(exportLog(p.c.store), time.Now)
	server, err := p.c.console(root, desks{live: &web.Live{}, broker: stillBroker{}, watching: w, ring: ring, approvals: library.NewApprovals(ring, nil, time.Now), files: files, audits: p.c.audits(nil, files)})
	if err != nil {
		b.Fatal(err)
	}
	p.caller = &caller{t: b, site: server.Handler}
	p.as("quan-tri", secret)
}

// stillBroker carries nothing.
type stillBroker struct{ runner }

func (stillBroker) Stats() broker.Stats { return broker.Stats{} }
