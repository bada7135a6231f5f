package schedule

import (
	"strings"
	"testing"

	"loaxa/internal/radio"
)

func shown(t *testing.T, d Diff) string {
	t.Helper()
	var out strings.Builder
	if err := d.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func with(pairs ...string) *Source {
	return source("1-where.yaml", replaced(whereYAML, pairs...), "2-what.yaml", whatYAML, "tin.mp3", "tin một")
}

// What a file says of a setup is shown and written; what it does not say stays as people
// have set it since.
func TestImportOfSetups(t *testing.T) {
	b := newBench()
	apply(t, b, with("name: Cụm 1,", "name: Cụm 1, offset_ms: -20, latitude: 18.3432101, longitude: 105.905,"))
	one := func() radio.Device { return b.store.plan.Devices[0] }
	if want := (radio.Setup{OffsetMS: -20, Position: radio.Position{Latitude: 18.34321, Longitude: 105.905}}); one().Setup != want || len(b.store.applied[0].Setups) != 0 {
		t.Fatalf("a new cluster %+v", one())
	}
	b.store.plan.Devices[0].Setup.StaggerMS = 2500 // on its page
	same := with("name: Cụm 1,", "name: Cụm 1, offset_ms: -20, latitude: 18.34321, longitude: 105.905,")
	if d := apply(t, b, same); d.Changed() || len(b.store.applied) != 1 {
		t.Errorf("the same again: %s", shown(t, d))
	}
	if d := apply(t, b, with()); d.Changed() || one().Setup.OffsetMS != -20 {
		t.Errorf("a file that says nothing of it: %s", shown(t, d))
	}
	d := apply(t, b, with("name: Cụm 1,", "name: Cụm 1, offset_ms: 0, stagger_ms: 500, latitude: 18.5, longitude: 106,"))
	want := `~ cụm loa / device loa-1 “Cụm 1”
    offset_ms: -20 → 0
    stagger_ms: 2500 → 500
    position: 18.34321, 105.905 → 18.5, 106
tinh: 1 đổi / changed, 9 không đổi / unchanged
`
	if got := shown(t, d); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	last := b.store.applied[len(b.store.applied)-1]
	if len(last.Devices) != 0 || len(last.Setups) != 1 || last.Setups[0].Was.StaggerMS != 2500 || last.Setups[0].Now.StaggerMS != 500 || last.Setups[0].Code != "loa-1" {
		t.Errorf("written %+v %+v", last.Devices, last.Setups)
	}
	apply(t, b, with("name: Cụm 1,", "name: Cụm một, stagger_ms: 0,"))
	if last := b.store.applied[len(b.store.applied)-1]; len(last.Devices) != 1 || len(last.Setups) != 1 || one().Name != "Cụm một" || one().Setup.StaggerMS != 0 {
		t.Errorf("name and setup: %+v", last)
	}
}

func TestImportOfContacts(t *testing.T) {
	const text = `contacts:
  - {area: xa, name: "Bà  Nguyễn Thị Năm", phone: 0912345678}
  - {area: thon, name: Ông Tư, phone: "+84 912 345 679"}
`
	calls := func(text string) *Source {
		return source("1-where.yaml", whereYAML, "2-what.yaml", whatYAML, "3-who.yaml", text, "tin.mp3", "tin một")
	}
	b := newBench()
	apply(t, b, calls("contacts: []\n"))
	d := apply(t, b, calls(text))
	if want := "+ đầu mối liên hệ / contact xa “Bà  Nguyễn Thị Năm”\n+ đầu mối liên hệ / contact thon “Ông Tư”\ntinh: 2 mới / created, 10 không đổi / unchanged\n"; shown(t, d) != want {
		t.Errorf("got\n%s\nwant\n%s", shown(t, d), want)
	}
	if got := b.store.contact; len(got) != 2 || got[0].Phone != "0912345678" || got[0].Area != b.store.plan.Areas[1].ID || got[1].Phone != "+84 912 345 679" {
		t.Fatalf("%+v", got)
	}
	n := len(b.store.applied)
	if d := apply(t, b, calls(text)); d.Changed() || len(b.store.applied) != n {
		t.Errorf("the same again: %s", shown(t, d))
	}
	if d := apply(t, b, whole(whatYAML)); d.Changed() || d.Count(Left) != 0 {
		t.Errorf("a folder that says nothing of them: %s", shown(t, d))
	}
	d = apply(t, b, calls("contacts:\n  - {area: thon, name: Ông Tư, phone: \"0999\"}\n"))
	if want := "~ đầu mối liên hệ / contact thon “Ông Tư”\n    phone: +84 912 345 679 → 0999\n· đầu mối liên hệ / contact xa “Bà  Nguyễn Thị Năm”\ntinh: 1 đổi / changed, 1 giữ nguyên, không có trong tệp / left alone, 10 không đổi / unchanged\n"; shown(t, d) != want {
		t.Errorf("got\n%s\nwant\n%s", shown(t, d), want)
	}
	if c := b.store.applied[len(b.store.applied)-1].Contacts; len(c) != 1 || c[0].Was.Phone != "+84 912 345 679" || c[0].Code != "thon" {
		t.Errorf("written %+v", c)
	}
	if plan, err := b.Plan(t.Context(), calls(text)); err != nil || !plan.Changed() || len(b.store.contact) != 2 || b.store.contact[1].Phone != "0999" {
		t.Errorf("a plan wrote something, or shows nothing: %v", err)
	}
}
