package storetest

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func planSuites() []Suite {
	return []Suite{
		{"plan: applied and read back", planReadBack},
		{"plan: all or nothing", planAllOrNothing},
		{"plan: versions go up by one", planVersions},
		{"plan: places", planPlaces},
		{"plan: withdrawn schedules", planWithdrawnSchedules},
		{"bulletins: versions and states", bulletinVersions},
		{"bulletins: withdrawn hashes", withdrawnHashes},
		{"devices: added and found", deviceAdded},
	}
}

const planAt = radio.Millis(1_780_000_000_000)

// SamplePlan is a small province with everything in it, approved by two people.
func SamplePlan() radio.PlanChange {
	province := radio.Area{ID: radio.NewID[radio.AreaID](), Code: "ha-tinh", Kind: radio.Province, Name: "Tỉnh Hà Tĩnh", Zone: "Asia/Ho_Chi_Minh"}
	commune := radio.Area{ID: radio.NewID[radio.AreaID](), Code: "cam-xuyen", Kind: radio.Commune, Name: "Xã Cẩm Xuyên", Parent: province.ID}
	hamlet := radio.Area{ID: radio.NewID[radio.AreaID](), Code: "thon-1", Kind: radio.Hamlet, Name: "Thôn 1", Parent: commune.ID, ValidFrom: "2025-07-01"}
	device := radio.Device{ID: radio.NewID[radio.DeviceID](), Code: "cx-01", Name: "Cụm nhà văn hóa", Hamlet: hamlet.ID, Rendition: 64}
	author, approver := radio.NewID[radio.UserID](), radio.NewID[radio.UserID]()
	bulletin := SampleBulletin("nq57-1", 1, author)
	bulletin.State, bulletin.DecidedBy, bulletin.DecidedAt = radio.Approved, approver, planAt
	campaign := radio.Campaign{ID: radio.NewID[radio.CampaignID](), Code: "nq57", Title: "Nghị quyết 57", Document: "57-NQ/TW", Issued: "2024-12-22", Issuer: "Bộ Chính trị", From: "2026-01-01", Until: "2026-12-31",
		Version: 1, Area: province.ID, Summary: "Một dòng\nhai dòng", Units: []string{"Sở Khoa học và Công nghệ"},
		Themes: []radio.CampaignTheme{{Title: "Kỹ năng số", Unit: "Sở KH&CN", With: "Tổ công nghệ số", Due: "thường xuyên", Note: "ưu tiên"}},
		Target: 12_000, CommuneTarget: 120}
	return radio.PlanChange{
		At: planAt, Author: author, Approver: approver, Facts: radio.AuditFacts{File: "sample"},
		Areas: []radio.Area{province, commune, hamlet}, Devices: []radio.Device{device}, Campaigns: []radio.Campaign{campaign},
		Policies: []radio.PolicyRule{{
			ID: radio.NewID[radio.PolicyID](), Version: 1, Target: radio.Target{Area: commune.ID}, Zone: province.Zone, Label: "ví dụ",
			Windows:  []radio.Window{{Days: []int{1, 2, 3, 4, 5, 6}, From: 5 * 60, To: 7 * 60}},
			Mourning: []radio.Date{"2026-05-01"}, Volume: []radio.VolumeSpan{{From: 300, To: 330, GainDB: -6}},
			Author: author, Approver: approver, ApprovedAt: planAt,
		}},
		Bulletins: []radio.Bulletin{bulletin},
		Schedules: []radio.Schedule{{
			ID: radio.NewID[radio.ScheduleID](), Code: "sang", Version: 1, Title: "Buổi sáng", Campaign: campaign.ID, Priority: radio.Normal,
			Targets: []radio.Target{{Area: province.ID}, {Device: device.ID}}, Zone: province.Zone, From: "2026-01-01",
			Except: []radio.Date{"2026-02-17"}, GraceSeconds: 120,
			Slots: []radio.Slot{{ID: radio.NewID[radio.SlotID](), Code: "s", Cron: "0 5 * * 1-6", Dates: []radio.Date{"2026-09-17", "2026-09-20"}, Again: 1, EveryMinutes: 30, Items: []radio.Entry{
				{ID: radio.NewID[radio.EntryID](), Code: "b", Kind: radio.KindAudio, Bulletin: bulletin.ID, Repeat: 2, GapMS: 1500,
					Variants: []radio.Variant{{Target: radio.Target{Area: commune.ID}, Bulletin: bulletin.ID}}},
			}}},
			Author: author, Approver: approver, ApprovedAt: planAt,
		}},
	}
}

// SampleBulletin is a pending version with two renditions of its own.
func SampleBulletin(code string, version int, by radio.UserID) radio.Bulletin {
	hash := func(kind byte) radio.SHA256 {
		digit := string("0123456789abcdef"[version%16])
		return radio.SHA256(strings.Repeat(string(kind), 32) + strings.Repeat(digit, 32))
	}
	return radio.Bulletin{
		ID: radio.NewID[radio.BulletinID](), Code: code, Version: version, Title: "Bản tin số 1", Field: 3, Author: "Nguyễn Văn A",
		Unit: "Trung tâm văn hóa", Language: "vi", State: radio.Pending, ValidFrom: planAt, ValidUntil: planAt.Add(1e15),
		Summary: "Tóm tắt\nhai dòng", Priority: radio.Prior, PenName: "Hồng Lĩnh",
		Renditions: []radio.Rendition{
			{SHA256: hash('a'), Kbps: 64, Bytes: 80_000, Frames: 400, Samples: 400*1152 - 1105, Head: 1105},
			{SHA256: hash('b'), Kbps: 32, Bytes: 40_000, Frames: 400, Samples: 400*1152 - 1105, Head: 1105},
		},
		LUFS: -16.1, TruePeak: -1.25, Seconds: 10.42, SourceSHA256: hash('c'), Warnings: []string{"quiet"},
		CreatedBy: by, CreatedAt: planAt, EditedAt: planAt, SubmittedAt: planAt,
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error %v, want kind %v", err, kind)
	}
}

func readPlan(t *testing.T, s *store.Store) radio.Plan {
	t.Helper()
	p, err := s.Plan(t.Context())
	must(t, err)
	return p
}

func planReadBack(t *testing.T, s *store.Store) {
	same(t, "empty plan", readPlan(t, s), radio.Plan{})
	c := SamplePlan()
	must(t, s.ApplyPlan(t.Context(), c))
	p := readPlan(t, s)
	byCode := func(a, b radio.Area) int { return strings.Compare(a.Code, b.Code) }
	areas := slices.Clone(c.Areas)
	slices.SortFunc(areas, byCode)
	same(t, "areas", p.Areas, areas)
	same(t, "devices", p.Devices, c.Devices)
	same(t, "policies", p.Policies, c.Policies)
	same(t, "bulletins", p.Bulletins, c.Bulletins)
	same(t, "campaigns", p.Campaigns, c.Campaigns)
	same(t, "schedules", p.Schedules, c.Schedules)

	// Areas, devices and campaigns are overwritten by id; enrolment stays.
	c.Areas[1].Name, c.Devices[0].Name, c.Devices[0].Enrolled, c.Campaigns[0].Title = "Xã Cẩm Bình", "Cụm chợ", 7, "Đợt hai"
	c.Campaigns[0].Version = 2
	must(t, s.ApplyPlan(t.Context(), radio.PlanChange{
		At: planAt + 1, Author: c.Author, Approver: c.Approver, Facts: radio.AuditFacts{File: "again", Counts: map[string]int{"changed": 2}},
		Areas: c.Areas[1:2], Devices: c.Devices, Campaigns: c.Campaigns,
	}))
	p = readPlan(t, s)
	c.Devices[0].Enrolled = 0
	same(t, "device after", p.Devices, c.Devices)
	same(t, "campaign after", p.Campaigns, c.Campaigns)
	same(t, "area after", p.Areas[0].Name, "Xã Cẩm Bình")

	log, err := s.Audit(t.Context(), "plan", 10)
	must(t, err)
	if len(log) != 4 || log[0].Actor != string(c.Approver) || log[1].Actor != string(c.Author) {
		t.Errorf("audit of two imports: %+v", log)
	}
}

func planAllOrNothing(t *testing.T, s *store.Store) {
	for name, spoil := range map[string]func(*radio.PlanChange){
		"a device in no area":      func(c *radio.PlanChange) { c.Devices[0].Hamlet = radio.NewID[radio.AreaID]() },
		"a schedule version ahead": func(c *radio.PlanChange) { c.Schedules[0].Version = 2 },
		"a decision about nothing": func(c *radio.PlanChange) {
			c.Decisions = []radio.BulletinDecision{{From: radio.Pending, To: c.Bulletins[0]}}
		},
		"two areas under one code": func(c *radio.PlanChange) { c.Areas[2].Code = c.Areas[1].Code },
		"two policies for one area": func(c *radio.PlanChange) {
			p := c.Policies[0]
			p.ID = radio.NewID[radio.PolicyID]()
			c.Policies = append(c.Policies, p)
		},
	} {
		c := SamplePlan()
		spoil(&c)
		if err := s.ApplyPlan(t.Context(), c); err == nil {
			t.Errorf("%s: applied", name)
		}
		same(t, name, readPlan(t, s), radio.Plan{})
	}
	log, err := s.Audit(t.Context(), "plan", 10)
	must(t, err)
	if len(log) != 0 {
		t.Errorf("refused imports left an audit: %+v", log)
	}
}

func planVersions(t *testing.T, s *store.Store) {
	c := SamplePlan()
	must(t, s.ApplyPlan(t.Context(), c))
	next := radio.PlanChange{At: planAt + 1, Author: c.Author, Approver: c.Approver}
	v2 := c.Schedules[0]
	v2.Version, v2.Title = 2, "Buổi sáng, sửa"
	p2 := c.Policies[0]
	p2.Version, p2.Label = 2, "ví dụ 2"
	next.Schedules, next.Policies = []radio.Schedule{v2}, []radio.PolicyRule{p2}
	must(t, s.ApplyPlan(t.Context(), next))
	// The same change again, as after a lost answer or by a second person.
	wantKind(t, s.ApplyPlan(t.Context(), next), radio.ErrConflict)

	all, err := s.ScheduleVersions(t.Context(), v2.ID)
	must(t, err)
	same(t, "history", all, []radio.Schedule{c.Schedules[0], v2})
	p := readPlan(t, s)
	same(t, "newest schedule", p.Schedules, next.Schedules)
	same(t, "newest policy", p.Policies, next.Policies)
}

func planPlaces(t *testing.T, s *store.Store) {
	c := SamplePlan()
	must(t, s.ApplyPlan(t.Context(), c))
	want := radio.Place{Device: c.Devices[0], Chain: c.Areas}
	got, err := s.Places(t.Context())
	must(t, err)
	same(t, "places", got, []radio.Place{want})
	one, err := s.Place(t.Context(), c.Devices[0].ID)
	must(t, err)
	same(t, "place", one, want)
	_, err = s.Place(t.Context(), radio.NewID[radio.DeviceID]())
	wantKind(t, err, radio.ErrNotFound)
}

func planWithdrawnSchedules(t *testing.T, s *store.Store) {
	c := SamplePlan()
	must(t, s.ApplyPlan(t.Context(), c))
	v2 := c.Schedules[0]
	v2.Version, v2.WithdrawnAt = 2, planAt+5
	must(t, s.ApplyPlan(t.Context(), radio.PlanChange{At: planAt + 5, Author: c.Author, Approver: c.Approver, Schedules: []radio.Schedule{v2}}))
	current, err := s.CurrentSchedules(t.Context())
	must(t, err)
	if len(current) != 0 {
		t.Errorf("withdrawn schedule still current: %+v", current)
	}
	all, err := s.Schedules(t.Context())
	must(t, err)
	same(t, "all schedules", all, []radio.Schedule{v2})
}

func bulletinVersions(t *testing.T, s *store.Store) {
	ctx, by, boss := t.Context(), radio.NewID[radio.UserID](), radio.NewID[radio.UserID]()
	v1 := SampleBulletin("tin-1", 1, by)
	v1.Warnings = nil
	must(t, s.AddBulletin(ctx, v1))
	got, err := s.Bulletin(ctx, v1.ID, 1)
	must(t, err)
	v1.Warnings = []string{}
	same(t, "pending", got, v1)
	current := func() (out []int) {
		list, err := s.CurrentBulletins(ctx)
		must(t, err)
		for _, b := range list {
			out = append(out, b.Version)
		}
		return out
	}
	same(t, "nothing approved", current(), []int(nil))
	decide := func(b radio.Bulletin, to radio.BulletinState) radio.Bulletin {
		t.Helper()
		next, err := b.Decide(to, boss, planAt+1, "vì thử")
		must(t, err)
		must(t, s.MoveBulletin(ctx, decision(b, next)))
		return next
	}
	approved := decide(v1, radio.Approved)
	same(t, "v1 on air", current(), []int{1})
	wantKind(t, s.MoveBulletin(ctx, decision(v1, approved)), radio.ErrConflict)

	v2 := SampleBulletin("tin-1", 2, by)
	wantKind(t, s.AddBulletin(ctx, v2), radio.ErrConflict) // another id under the code
	v2.ID = v1.ID
	must(t, s.AddBulletin(ctx, v2))
	wantKind(t, s.AddBulletin(ctx, v2), radio.ErrConflict)
	same(t, "v1 stays while v2 waits", current(), []int{1})
	newest, err := s.BulletinByCode(ctx, "tin-1")
	must(t, err)
	same(t, "newest", newest, v2)
	approved = decide(v2, radio.Approved)
	same(t, "v2 on air", current(), []int{2})
	decide(approved, radio.Withdrawn)
	same(t, "withdrawn, v1 does not come back", current(), []int(nil))

	all, err := s.BulletinVersions(ctx, v1.ID)
	must(t, err)
	if len(all) != 2 || all[1].State != radio.Withdrawn || all[1].DecidedWhy != "vì thử" || all[1].DecidedBy != boss {
		t.Errorf("history %+v", all)
	}
	list, err := s.Bulletins(ctx)
	must(t, err)
	if len(list) != 1 || list[0].Version != 2 {
		t.Errorf("list %+v", list)
	}
	_, err = s.BulletinByCode(ctx, "khong-co")
	wantKind(t, err, radio.ErrNotFound)
	_, err = s.Bulletin(ctx, v1.ID, 3)
	wantKind(t, err, radio.ErrNotFound)
}

func withdrawnHashes(t *testing.T, s *store.Store) {
	ctx, by, boss := t.Context(), radio.NewID[radio.UserID](), radio.NewID[radio.UserID]()
	add := func(b radio.Bulletin, states ...radio.BulletinState) {
		t.Helper()
		must(t, s.AddBulletin(ctx, b))
		for _, to := range states {
			next, err := b.Decide(to, boss, planAt, "vì thử")
			must(t, err)
			must(t, s.MoveBulletin(ctx, decision(b, next)))
			b = next
		}
	}
	gone := SampleBulletin("a", 1, by)
	add(gone, radio.Approved, radio.Withdrawn)
	// The second bulletin has one rendition in common with the first.
	kept := SampleBulletin("b", 1, by)
	kept.Renditions[1].SHA256 = radio.SHA256(strings.Repeat("d", 64))
	add(kept, radio.Approved)
	for since, want := range map[radio.Millis][]radio.SHA256{
		planAt:     {gone.Renditions[1].SHA256},
		planAt + 1: nil,
	} {
		got, err := s.WithdrawnHashes(ctx, since)
		must(t, err)
		same(t, "withdrawn", got, want)
	}
}

func deviceAdded(t *testing.T, s *store.Store) {
	c := SamplePlan()
	must(t, s.ApplyPlan(t.Context(), c))
	d := c.Devices[0]
	d.ID, d.Code = radio.NewID[radio.DeviceID](), "cx-02"
	must(t, s.AddDevice(t.Context(), d, "boss", planAt))
	wantKind(t, s.AddDevice(t.Context(), d, "boss", planAt), radio.ErrConflict)
	got, err := s.DeviceByCode(t.Context(), "cx-02")
	must(t, err)
	same(t, "device", got, d)
	_, err = s.DeviceByCode(t.Context(), "cx-03")
	wantKind(t, err, radio.ErrNotFound)
	all, err := s.Devices(t.Context())
	must(t, err)
	if len(all) != 2 || all[0].Code != "cx-01" {
		t.Errorf("devices %+v", all)
	}
}
