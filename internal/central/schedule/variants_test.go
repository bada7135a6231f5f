package schedule

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

func variantForm() radio.ScheduleForm {
	f := communeForm("xa-1")
	f.Targets = []radio.FormTarget{{Area: "xa"}}
	f.Slots[0].Items[0].Variants = []radio.FormVariant{
		{FormTarget: radio.FormTarget{Area: "thon"}, Bulletin: "nhac"}, {FormTarget: radio.FormTarget{Device: "loa-1"}, Bulletin: "tin"},
	}
	return f
}

// What is wrong with variants is told by its place.
func TestVariantProblems(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(v []radio.FormVariant) []radio.FormVariant
		want   string
	}{
		{"nothing", func(v []radio.FormVariant) []radio.FormVariant { return v }, ""},
		{"nowhere", func(v []radio.FormVariant) []radio.FormVariant { v[0].Area = "ghost"; return v }, `slots[0].items[0].variants[0].area: no area has the code "ghost"`},
		{"no place", func(v []radio.FormVariant) []radio.FormVariant { v[0].Area = ""; return v }, "slots[0].items[0].variants[0]: name an area or a device, exactly one of them"},
		{"no bulletin", func(v []radio.FormVariant) []radio.FormVariant { v[1].Bulletin = ""; return v }, "slots[0].items[0].variants[1].bulletin: must not be empty"},
		{"an unknown bulletin", func(v []radio.FormVariant) []radio.FormVariant { v[1].Bulletin = "ghost"; return v }, `slots[0].items[0].variants[1].bulletin: no bulletin has the code "ghost"`},
		{"one place twice", func(v []radio.FormVariant) []radio.FormVariant { return append(v, v[0]) }, "slots[0].items[0].variants[2]: area thon has a variant of this item already"},
		{"a place where it does not sound", func(v []radio.FormVariant) []radio.FormVariant { v[0].Area = "khac"; return v }, "slots[0].items[0].variants[0]: area khac is no place of the schedule"},
		{"a wider place than the schedule's", func(v []radio.FormVariant) []radio.FormVariant { v[0].Area = "tinh"; return v }, ""},
		{"too many", func(v []radio.FormVariant) []radio.FormVariant {
			return slices.Repeat(v[:1], radio.MaxVariants+1)
		}, "slots[0].items[0].variants[0]: the item has 65 variants, at most 64; name areas in place of devices"},
	} {
		b := newDesk(t)
		f := variantForm()
		f.Slots[0].Items[0].Variants = c.change(f.Slots[0].Items[0].Variants)
		_, err := b.Check(t.Context(), b.communeEditor, radio.DraftSave{Form: f})
		if got := english(err); err != nil && got != c.want || err == nil && c.want != "" {
			t.Errorf("%s:\n got %v\nwant %s", c.name, got, c.want)
		}
	}
}

// A commune's variant cannot be another commune's bulletin, nor does it learn of it.
func TestVariantOfAnotherDesk(t *testing.T) {
	b := newDesk(t)
	for i := range b.store.plan.Bulletins {
		if b.store.plan.Bulletins[i].Code == "nhac" {
			b.store.plan.Bulletins[i].Area = b.area("khac")
		}
	}
	_, err := b.Check(t.Context(), b.communeEditor, radio.DraftSave{Form: variantForm()})
	if got := english(err); got != `slots[0].items[0].variants[0].bulletin: no bulletin has the code "nhac"` {
		t.Errorf("got %s", got)
	}
	var invalid *radio.Invalid
	if !errors.As(err, &invalid) {
		t.Errorf("%v", err)
	}
}

// Tables and YAML say variants, dates and repeated times as the form does.
func TestModesInFiles(t *testing.T) {
	b := newDesk(t)
	x := b.save(t, b.communeEditor, radio.DraftSave{Form: variantForm()})
	want := b.drafts.drafts[x.Doc.ID].Doc.Slots[0].Items[0].Variants
	if len(want) != 2 {
		t.Fatalf("%+v", want)
	}
	for name, file := range map[string]string{
		"a.csv": "Mã lịch,Tên lịch,Địa bàn quản lý,Nơi phát,Từ ngày,Đến ngày,Mã khung,Giờ phát,Ngày phát,Phát lại (lần),Cách nhau (phút),Mã mục,Mã bản tin,Bản riêng\n" +
			"xa-1,Của xã,xa,xa,1/1/2026,31/12/2026,s,5h30,\"17/9/2026, 20/10/2026\",2,15,a,tin,thon = nhac; cụm: loa-1=tin\n",
		"a.yaml": "schedules:\n  - code: xa-1\n    title: Của xã\n    area: xa\n    targets: [{area: xa}]\n    from: 2026-01-01\n    until: 2026-12-31\n    slots:\n" +
			"      - code: s\n        times: [05:30]\n        dates: [2026-09-17, 2026-10-20]\n        again: 2\n        every_minutes: 15\n        items:\n" +
			"          - {code: a, bulletin: tin, variants: [{area: thon, bulletin: nhac}, {device: loa-1, bulletin: tin}]}\n",
	} {
		u, err := b.ReadUpload(t.Context(), b.communeEditor, name, []byte(file))
		if err != nil || len(u.Forms) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		var told []string
		for _, c := range u.Changes[0].Fields {
			told = append(told, strings.TrimSpace(c.Slot+" "+c.Field+": "+c.Was+" → "+c.Is))
		}
		if got, want := strings.Join(told, "; "), "s cron: 30 5 * * * → 30,45 5 17,20 9,10 *; s dates:  → 2026-09-17, 2026-10-20; s again:  → 2 × 15; "+
			"s-2 cron:  → 0 6 17,20 9,10 *; s-2 dates:  → 2026-09-17, 2026-10-20; s-2 again:  → 2 × 15; "+
			"s-2 item:  → tin ×1, gap 0ms; thon = nhac; cụm:loa-1 = tin; s-2 order:  → a; slots: s → s, s-2"; got != want {
			t.Errorf("%s tells\n got %s\nwant %s", name, got, want)
		}
		f := u.Forms[0].Slots[0]
		if len(u.Forms[0].Slots) != 1 || !slices.Equal(f.Times, []string{"05:30"}) || f.Again != 2 || f.EveryMinutes != 15 || !slices.Equal(f.Dates, []radio.Date{"2026-09-17", "2026-10-20"}) ||
			!slices.Equal(f.Items[0].Variants, variantForm().Slots[0].Items[0].Variants) {
			t.Errorf("%s: %+v", name, f)
		}
	}
	for name, c := range map[string]struct{ file, want string }{
		"times and a rule": {`schedules: [{code: xa-1, title: T, area: xa, targets: [{area: xa}], slots: [{code: s, cron: "0 5 * * *", times: ["05:00"], items: [{code: a, bulletin: tin}]}]}]`,
			"a.yaml:1:93: give times and days, or a cron rule, not both"},
		"a place that is none": {`schedules: [{code: xa-1, title: T, area: xa, targets: [{area: xa}], slots: [{code: s, cron: "0 5 * * *", items: [{code: a, bulletin: tin, variants: [{bulletin: nhac}]}]}]}]`,
			"a.yaml:1:150: name an area or a device, exactly one of them"},
	} {
		_, err := b.ReadUpload(t.Context(), b.communeEditor, "a.yaml", []byte(c.file))
		if got := english(err); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	_, err := b.ReadUpload(t.Context(), b.communeEditor, "a.csv", []byte("schedule,title,area,targets,slot,times,item,bulletin,variants\nxa-1,T,xa,xa,s,05:00,a,tin,thon nhac\n"))
	if got := english(err); got != `a.csv:2:9: variant "thon nhac": write place = bulletin; hamlet-1 = news-hmong; device:speaker-2 = news-thai, say` {
		t.Errorf("%s", got)
	}
}

// A device that has the variant meant for it holds the schedule as it stands.
func TestHoldersOfVariants(t *testing.T) {
	b := newDesk(t)
	x := b.save(t, b.editor, radio.DraftSave{Form: variantForm()})
	s := x.Doc
	devices := map[string]radio.Place{}
	for _, d := range b.store.plan.Devices {
		w, err := b.world(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p := radio.Place{Device: d}
		for _, id := range w.targetChain(radio.Target{Device: d.ID}) {
			p.Chain = append([]radio.Area{w.areaByID[id]}, p.Chain...)
		}
		devices[d.Code] = p
	}
	var approved []radio.Bulletin
	byCode := map[string]radio.BulletinID{}
	for _, x := range b.store.plan.Bulletins {
		approved, byCode[x.Code] = append(approved, x), x.ID
	}
	e := newExpectation(s, approved, b.now)
	for device, bulletin := range map[string]string{"loa-1": "tin", "loa-2": "nhac", "loa-khac": "tin"} {
		at := e.at(devices[device])
		if _, ok := at.bulletins[byCode[bulletin]]; !ok || len(at.bulletins) != 1 || len(at.marks) != 1 {
			t.Errorf("%s is to have %v, want %s", device, at.bulletins, bulletin)
		}
	}
	if slices.Equal(e.at(devices["loa-1"]).marks, e.at(devices["loa-2"]).marks) {
		t.Error("devices with different variants are taken to hold the same")
	}
}
