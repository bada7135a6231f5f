package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// Variants: at one position of a slot the clusters of a place play another bulletin than
// the rest, in a minority language, say.

type variantText struct {
	targetText
	bulletin text
}

type variantDecl struct {
	target   targetDecl
	bulletin text
}

// when takes times and days of a YAML slot; nil when none of its keys is there.
func (m *mapping) when() *whenText {
	w := &whenText{
		times: m.texts("times"), weekdays: m.texts("weekdays"), monthDays: m.texts("month_days"), dates: m.texts("dates"),
		day: m.text("day"), again: m.text("again"), every: m.text("every_minutes"),
	}
	if len(w.times)+len(w.weekdays)+len(w.monthDays)+len(w.dates) == 0 && !w.day.set() && !w.again.set() && !w.every.set() {
		return nil
	}
	return w
}

// variants takes those of a YAML item.
func (m *mapping) variants() (out []variantText) {
	m.each("variants", func(m *mapping) {
		out = append(out, variantText{targetText{at: m.at, area: m.text("area"), device: m.text("device")}, m.text("bulletin")})
	})
	return out
}

func (f *formReader) variants(place string, vs []radio.FormVariant) (out []variantText) {
	for k, v := range vs {
		p := fmt.Sprintf("%s.variants[%d]", place, k)
		out = append(out, variantText{targetText{at: f.pos(p), area: f.text(p+".area", v.Area), device: f.text(p+".device", v.Device)}, f.needed(p+".bulletin", v.Bulletin)})
	}
	return out
}

// variantWords reads a cell: "thon-1 = tin-tieng-mong; cụm:loa-2 = tin-tieng-thai".
func (r *reader) variantWords(t text) (out []variantText) {
	for _, part := range split(t, func(t text) text { return t }) {
		where, what, ok := strings.Cut(part.s, "=")
		targets := targetWords(text{s: where, at: t.at})
		if what = strings.TrimSpace(what); !ok || len(targets) != 1 || what == "" {
			r.problems.add(t.at, fmt.Sprintf("bản riêng %q: viết mã nơi = mã bản tin, ví dụ thon-1 = tin-tieng-mong; cụm:loa-2 = tin-tieng-thai", clip(part.s)),
				fmt.Sprintf("variant %q: write place = bulletin; hamlet-1 = news-hmong; device:speaker-2 = news-thai, say", clip(part.s)))
			continue
		}
		out = append(out, variantText{targets[0], text{s: what, at: t.at}})
	}
	return out
}

// variants checks the form of an item's variants.
func (r *reader) variants(it itemText) (out []variantDecl) {
	if n := len(it.variants); n > radio.MaxVariants {
		r.problems.add(it.variants[0].at, fmt.Sprintf("mục có %d bản riêng, nhiều nhất là %d; hãy chọn xã hoặc thôn thay cho từng cụm loa", n, radio.MaxVariants),
			fmt.Sprintf("the item has %d variants, at most %d; name areas in place of devices", n, radio.MaxVariants))
		return nil
	}
	for _, v := range it.variants {
		out = append(out, variantDecl{r.target(v.targetText), r.checkCode(r.needed("bulletin", v.bulletin, v.at))})
	}
	return out
}

// bulletins are the codes an item names.
func (d itemDecl) bulletins() []text {
	out := []text{d.bulletin}
	for _, v := range d.variants {
		out = append(out, v.bulletin)
	}
	return out
}

// variants turns codes into ids. A variant is for a place where the schedule sounds, and
// there is one for each place.
func (b *builder) variants(d itemDecl, s *radio.Schedule) (out []radio.Variant) {
	for _, v := range d.variants {
		t, _, ok := b.target(v.target)
		id, known := b.bulletins[v.bulletin.s]
		if !known && v.bulletin.s != "" {
			b.missing("bulletin", v.bulletin)
		}
		switch {
		case !ok || !known:
		case slices.ContainsFunc(out, func(o radio.Variant) bool { return o.Target == t }):
			b.problems.add(v.target.at, fmt.Sprintf("%s đã có bản riêng ở mục này", b.targetWords(t)), fmt.Sprintf("%s has a variant of this item already", b.targetName(t)))
		case !b.meets(t, s.Targets):
			b.problems.add(v.target.at, fmt.Sprintf("%s không thuộc nơi phát của lịch", b.targetWords(t)), fmt.Sprintf("%s is no place of the schedule", b.targetName(t)))
		default:
			out = append(out, radio.Variant{Target: t, Bulletin: id})
		}
	}
	return out
}

// meets says whether one of the targets lies in the place, or the place in it.
func (b *builder) meets(t radio.Target, targets []radio.Target) bool {
	within := func(inner, outer radio.Target) bool {
		return inner == outer || outer.Area != "" && slices.Contains(b.targetChain(inner), outer.Area)
	}
	return len(targets) == 0 || slices.ContainsFunc(targets, func(o radio.Target) bool { return within(t, o) || within(o, t) })
}

func (b *builder) bulletinCode(id radio.BulletinID) string { return cmp.Or(b.titles[id], string(id)) }

func (b *builder) formVariants(e radio.Entry) (out []radio.FormVariant) {
	for _, v := range e.Variants {
		out = append(out, radio.FormVariant{Bulletin: b.bulletinCode(v.Bulletin), FormTarget: radio.FormTarget{
			Area: cmp.Or(b.areaByID[v.Area].Code, string(v.Area)), Device: cmp.Or(b.deviceIDs[v.Device].Code, string(v.Device)),
		}})
	}
	return out
}

// variantsText adds to an item's comparable value what other places play.
func (b *builder) variantsText(e radio.Entry) string {
	var out strings.Builder
	for _, v := range b.formVariants(e) {
		fmt.Fprintf(&out, "; %s = %s", variantPlace(v), v.Bulletin)
	}
	return out.String()
}

// variantPlace writes the place of a variant as tables do.
func variantPlace(v radio.FormVariant) string {
	if v.Device != "" {
		return "cụm:" + v.Device
	}
	return v.Area
}

// variantCell writes variants for a table.
func variantCell(vs []radio.FormVariant) string {
	parts := make([]string, len(vs))
	for i, v := range vs {
		parts[i] = variantPlace(v) + " = " + v.Bulletin
	}
	return strings.Join(parts, "; ")
}

// plainNumber reads a number that was checked before.
func plainNumber(t text) int {
	n, err := strconv.Atoi(t.s)
	if err != nil {
		return 0
	}
	return n
}

// lengths gives how long each bulletin sounds: its newest approved version, else the newest.
func lengths(all []radio.Bulletin) map[radio.BulletinID]float64 {
	best := map[radio.BulletinID]radio.Bulletin{}
	for _, x := range all {
		old, ok := best[x.ID]
		if rank := func(b radio.Bulletin) int { return map[bool]int{true: 1 << 30}[b.State == radio.Approved] + b.Version }; !ok || rank(x) > rank(old) {
			best[x.ID] = x
		}
	}
	out := make(map[radio.BulletinID]float64, len(best))
	for id, x := range best {
		out[id] = x.Seconds
	}
	return out
}
