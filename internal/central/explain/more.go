package explain

import (
	"context"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// Records is what communes and provinces have said and laid down (store).
type Records interface {
	// Plan is shared: it must not be changed.
	Plan(ctx context.Context) (radio.Plan, error)
	Decisions(ctx context.Context, areas []radio.AreaID, about radio.ScheduleID, limit int) ([]radio.Decision, error)
	// OfferRules lists every rule for offers of some areas, also what counts no more.
	OfferRules(ctx context.Context, areas []radio.AreaID) ([]radio.OfferRule, error)
	PersonNames(ctx context.Context) (map[radio.UserID]string, error)
	AreaChanges(ctx context.Context) ([]radio.AreaChange, error)
	// RulesVersions lists every version of the rules of a place, also what counts no more.
	RulesVersions(ctx context.Context, t radio.Target) ([]radio.PolicyRule, error)
}

// mostWords bounds what is looked through for one airing.
const mostWords = 1000

// Tellers tell of decisions, operating rules and areas as they are recorded.
func Tellers(r Records) map[radio.ChainKind]Teller {
	of := func(kind radio.ChainKind, tell func(*teller, context.Context) error) Teller {
		return func(ctx context.Context, c Case) ([]radio.ChainLink, error) {
			zone, err := timetable.LoadZone(c.Place.Province().Zone)
			if err != nil {
				return nil, err
			}
			plan, err := r.Plan(ctx)
			if err != nil {
				return nil, err
			}
			t := &teller{chain: chain{world: &world{zone: zone, plan: plan}, c: c, kind: kind}, records: r}
			err = tell(t, ctx)
			return t.links, err
		}
	}
	return map[radio.ChainKind]Teller{
		radio.ChainPlace: of(radio.ChainPlace, (*teller).areas), radio.ChainDecision: of(radio.ChainDecision, (*teller).decided),
		radio.ChainPolicy: of(radio.ChainPolicy, (*teller).ruled),
	}
}

// teller gathers the links of one kind.
type teller struct {
	chain
	records Records
}

// day is the local date by which a case is judged, and its time.
func (t *teller) day() (radio.Date, radio.TimeOfDay) {
	if r := t.c.Row; r != nil && r.Day != "" && r.Origin == radio.FromSchedule {
		return r.Day, t.zone.TimeOfDay(t.c.SlotAt.Time())
	}
	at := t.c.Start
	if t.c.SlotAt != 0 {
		at = t.c.SlotAt
	}
	return t.zone.Date(at.Time()), t.zone.TimeOfDay(at.Time())
}

func dateText(d radio.Date) string {
	if t, err := time.Parse(time.DateOnly, string(d)); err == nil {
		return t.Format("02/01/2006")
	}
	return string(d)
}

func (t *teller) areaNamed(id radio.AreaID) words {
	for _, a := range t.plan.Areas {
		if a.ID == id {
			return words{a.Name, a.Name}
		}
	}
	if r := t.c.Row; r != nil && r.Commune == id {
		return words{r.CommuneName, r.CommuneName}
	}
	return words{string(id), string(id)}
}

func (t *teller) scheduleNamed(id radio.ScheduleID) words {
	for _, o := range t.plan.Schedules {
		if o.ID == id {
			return named(o.Title, o.Code)
		}
	}
	return words{string(id), string(id)}
}

// decided tells which word of the commune counted, or what did while it said nothing.
func (t *teller) decided(ctx context.Context) error {
	row, o := t.c.Row, t.c.Schedule
	if o == nil || o.Priority == radio.Emergency || row != nil && row.Origin != radio.FromSchedule {
		return nil
	}
	day, at := t.day()
	place := t.c.Place
	of := place.On(min(day, t.zone.Date(t.c.Now.Time()))).Deciders()
	if row != nil {
		of = row.Deciders(place)
	}
	if slices.ContainsFunc(of, func(d radio.Decider) bool { return d.Area == o.Area }) || !place.Offered(*o) {
		return nil // the commune's own
	}
	var areas []radio.AreaID
	for _, d := range of {
		areas = append(areas, d.Area)
	}
	said, err := t.records.Decisions(ctx, areas, o.ID, mostWords)
	if err != nil {
		return err
	}
	names, err := t.records.PersonNames(ctx)
	if err != nil {
		return err
	}
	all := radio.NewDecided(slices.DeleteFunc(said, func(d radio.Decision) bool { return d.At >= t.c.Start }), nil).At(of)
	if o.Priority == radio.Prior {
		t.ordered(all, names)
		return nil
	}
	word, ok := all.Behind(o.ID, t.c.Slot, day, at)
	away := false
	if row != nil && row.Outcome == radio.Cancelled || row == nil && t.c.Coming == nil {
		if by, moved := all.Away(o.ID, t.c.Slot, day, at); moved {
			word, ok, away = by, true, true
		}
	}
	if ok {
		t.word(word, names, away, of)
		return nil
	}
	rules, err := t.records.OfferRules(ctx, areas)
	if err != nil {
		return err
	}
	rules = slices.DeleteFunc(rules, func(r radio.OfferRule) bool { return r.At >= t.c.Start }) // chosen since
	t.byDefault(*o, of, radio.NewDecided(nil, rules).At(of).Rule)
	return nil
}

// word tells of one word that counts; away: by it the airing no longer stands there.
func (t *teller) word(d radio.Decision, names map[radio.UserID]string, away bool, of []radio.Decider) {
	who := words{string(d.By), string(d.By)}
	if n := names[d.By]; n != "" {
		who = words{n, n}
	}
	scope := say("cho mọi ngày", "for every day")
	if d.Date != "" {
		scope = say("riêng cho ngày %s", "for %s alone", dateText(d.Date))
		if d.Time != "" {
			scope = say("riêng cho lượt %s ngày %s", "for the airing of %s on %s alone", d.Time, dateText(d.Date))
		}
	}
	v, what := radio.ChainPasses, say("nhận nội dung cấp trên gửi", "accepted what was sent from above")
	switch d.Do {
	case radio.DecideDecline:
		v, what = radio.ChainStops, say("không nhận nội dung cấp trên gửi", "declined what was sent from above")
	case radio.DecideUndo:
		v, what = radio.ChainStops, say("rút lại việc đổi giờ", "took back its move to this time")
	case radio.DecideMove:
		to := say("%s", "%s", d.To)
		if d.ToDate != "" {
			to = say("%s ngày %s", "%s on %s", d.To, dateText(d.ToDate))
		}
		v, what = radio.ChainChanges, say("đổi giờ phát sang %s", "moved it to %s", to)
		if away {
			v = radio.ChainStops
		}
	}
	text := say("%s (%s) đã %s, %s, lúc %s.", "%s (%s) %s, %s, at %s.", t.areaNamed(d.Area), who, what, scope, t.second(d.At))
	if d.Reason != "" {
		text = say("%s Lý do: %s.", "%s The reason: %s.", text, d.Reason)
	}
	if i := slices.IndexFunc(of, func(x radio.Decider) bool { return x.Area == d.Area }); i > 0 && of[0].Since != 0 {
		text = say("%s Quyết định trước khi sáp nhập còn áp dụng vì %s chưa trả lời lại.", "%s It goes on after the merger, as %s has not answered anew.", text, t.areaNamed(of[0].Area))
	}
	t.add(v, d.At, text, t.wordRow(d), t.ofSchedule())
}

func (t *teller) wordRow(d radio.Decision) radio.RowSource {
	return radio.RowSource{Row: "decision", ID: string(d.Area), Version: d.N}
}

// byDefault tells what counted while the commune had said nothing.
func (t *teller) byDefault(o radio.Schedule, of []radio.Decider, rule radio.OfferRule) {
	held := rule.Default == radio.OfferHold
	if r := t.c.Row; r != nil {
		held = r.Outcome == radio.Declined && r.Reason == radio.ReasonHeld
	}
	from := []radio.RowSource{t.ofSchedule()}
	chose := say("mặc định của hệ thống", "the default where a commune has chosen none")
	if rule.N > 0 {
		from = append([]radio.RowSource{{Row: "offer_rule", ID: string(rule.Area), Version: rule.N}}, from...)
		chose = say("mặc định do %s chọn lúc %s", "the default that %s chose at %s", t.areaNamed(rule.Area), t.second(rule.At))
	}
	commune := t.areaNamed(of[0].Area)
	until := words{}
	for _, sl := range o.Slots {
		if sl.ID != t.c.Slot {
			continue
		}
		first, ok := timetable.Next(o, sl, o.ApprovedAt.Time())
		by := radio.At(first).Add(-time.Duration(rule.Hours) * time.Hour)
		switch {
		case ok && by > o.ApprovedAt:
			until = say(" Hạn trả lời: %s.", " To be answered by: %s.", t.second(by))
		case ok:
			until = say(" Phát hành sát giờ phát đầu tiên, không còn hạn trả lời.", " It was published too close to its first airing for a term to answer.")
		}
	}
	if held {
		t.add(radio.ChainStops, 0, say("Cấp trên gửi; %s chưa nhận, nên giữ lại, không phát (%s).%s", "Sent from above; %s has not accepted it, so that it is held back (%s).%s", commune, chose, until), from...)
		return
	}
	t.add(radio.ChainPasses, 0, say("Cấp trên gửi; %s không trả lời, nên tự động nhận (%s).%s", "Sent from above; %s has not answered, so that it counts as accepted (%s).%s", commune, chose, until), from...)
}

// ordered tells of a priority schedule, and of the order in which the commune put it with
// others.
func (t *teller) ordered(all radio.Settlement, names map[radio.UserID]string) {
	o := t.c.Schedule
	t.add(radio.ChainPasses, 0, say("Cấp trên gửi với mức ưu tiên: địa phương phải phát.", "Sent from above with priority: it stands in the commune."), t.ofSchedule())
	for _, other := range t.plan.Schedules {
		d, ok := all.Order(o.ID, other.ID)
		if !ok {
			continue
		}
		v, first, then := radio.ChainPasses, o.ID, other.ID
		if d.Schedule != o.ID {
			v, first, then = radio.ChainChanges, other.ID, o.ID
		}
		who := words{names[d.By], names[d.By]}
		if who.vi == "" {
			who = words{string(d.By), string(d.By)}
		}
		t.add(v, d.At, say("Khi trùng giờ, %s (%s) chọn phát %s trước %s, lúc %s.", "Where they clash, %s (%s) has %s sound before %s, said at %s.", t.areaNamed(d.Area), who,
			t.scheduleNamed(first), t.scheduleNamed(then), t.second(d.At)), t.wordRow(d))
	}
}

// ruled tells which versions of operating rules (quy chế) counted at the place that day.
func (t *teller) ruled(ctx context.Context) error {
	if r := t.c.Row; r != nil && r.Priority == radio.Emergency {
		return nil
	}
	day := t.zone.Date(t.c.Start.Time())
	place := t.c.Place
	if t.elsewhere(day) {
		return nil // by the rules of there
	}
	targets := []radio.Target{{Device: place.Device.ID}}
	for _, a := range place.Chain {
		targets = append(targets, radio.Target{Area: a.ID})
	}
	var rules []radio.PolicyRule
	for _, of := range targets {
		// The plan holds only what counts now or will.
		all, err := t.records.RulesVersions(ctx, of)
		if err != nil {
			return err
		}
		rules = append(rules, slices.DeleteFunc(all, func(p radio.PolicyRule) bool { return p.ApprovedAt > min(t.c.Start, t.c.Now) })...)
	}
	province, ofProvince := place.RulesOn(radio.Province, rules, day)
	commune, ofCommune := place.RulesOn(radio.Commune, rules, day)
	switch {
	case ofCommune:
		t.rule(commune, day, say("Quy chế hoạt động", "Operating rules"))
	case ofProvince:
		t.rule(province, day, say("Quy chế của tỉnh, vì xã chưa có quy chế riêng: quy chế", "The province's rules, as the commune has none of its own: rules"))
	default:
		t.add(radio.ChainPasses, 0, say("Chưa có quy chế nào: áp dụng giờ yên tĩnh mặc định 21:00–05:00.", "There are no operating rules: the default quiet hours 21:00–05:00 count."), radio.RowSource{Row: "policy"})
	}
	if ofProvince && slices.Contains(province.Mourning, day) {
		t.add(radio.ChainStops, province.ApprovedAt, say("%s quy định ngày %s là ngày không phát (quốc tang).", "%s has made %s a day on which nothing sounds (mourning).",
			t.areaNamed(province.Target.Area), dateText(day)), ruleRow(province))
	}
	if r, ok := place.RulesOn(radio.Hamlet, rules, day); ok {
		t.rule(r, day, say("Quy định riêng, chỉ chặt hơn:", "Rules of the place, only stricter:"))
	}
	if r, ok := radio.RuleOn(rules, radio.Target{Device: place.Device.ID}, day); ok {
		t.rule(r, day, say("Quy định riêng của cụm loa, chỉ chặt hơn:", "Rules of the device, only stricter:"))
	}
	return nil
}

func ruleRow(r radio.PolicyRule) radio.RowSource {
	return radio.RowSource{Row: "policy", ID: string(r.ID), Version: int64(r.Version)}
}

// rule tells of one version: its decision, whose it is, and since when it counts.
func (t *teller) rule(r radio.PolicyRule, day radio.Date, head words) {
	where := t.areaNamed(r.Target.Area)
	if r.Target.Device != "" {
		where = named(t.c.Place.Device.Name, t.c.Place.Device.Code)
	}
	since := say("có hiệu lực từ khi duyệt, %s", "in force since its approval at %s", t.second(r.ApprovedAt))
	switch {
	case r.From != "" && r.From == day:
		since = say("bắt đầu có hiệu lực từ 00:00 chính ngày này, %s", "in force from midnight of this very day, %s", dateText(r.From))
	case r.From != "":
		since = say("có hiệu lực từ 00:00 ngày %s", "in force since midnight of %s", dateText(r.From))
	}
	text := say("%s %s của %s, bản %d, %s.", "%s %s of %s, version %d, %s.", head, named(r.Name(), ""), where, r.Version, since)
	if now := t.c.Place.On(day).Commune(); r.Target.Area != "" && slices.ContainsFunc(t.c.Place.Chain, func(a radio.Area) bool {
		return a.ID == r.Target.Area && a.Kind == radio.Commune && a.ID != now.ID
	}) {
		text = say("%s Còn áp dụng sau sáp nhập vì %s chưa có quy chế mới.", "%s It goes on after the merger, as %s has laid down no new rules.", text, now.Name)
	}
	if r.Issuer != "" {
		text = say("%s Cơ quan ban hành: %s.", "%s Issued by %s.", text, r.Issuer)
	}
	if len(r.Quiet) > 0 {
		text = say("%s Giờ yên tĩnh: %s.", "%s Quiet hours: %s.", text, windowsOf(r.Quiet))
	}
	t.add(radio.ChainPasses, r.ApprovedAt, text, ruleRow(r))
}

// areas tells where the device stood that day, where an area was merged or renamed since.
// Nothing to say: it stands where it stood.
func (t *teller) areas(ctx context.Context) error {
	day, _ := t.day()
	p, then := t.c.Place, t.c.Place.On(day)
	if t.elsewhere(day) {
		return nil // told as it is
	}
	lines := []words{}
	for i, a := range p.Chain {
		was := t.nameOn(a, day)
		if was != a.Name {
			lines = append(lines, say("%s khi đó mang tên %s.", "%s was called %s then.", a.Name, was))
		}
		if a.Ended() && i > 0 {
			lines = append(lines, say("%s sáp nhập vào %s từ ngày %s.", "%s was merged into %s from %s on.", a.Name, p.Chain[i-1].Name, dateText(dayAfter(a.ValidTo))))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	from := []radio.RowSource{{Row: "area", ID: string(p.Device.Hamlet)}}
	changes, err := t.records.AreaChanges(ctx)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if c.AppliedAt == 0 || !slices.ContainsFunc(p.Chain, func(a radio.Area) bool { return slices.Contains(c.Areas, a.ID) }) {
			continue
		}
		from = append(from, radio.RowSource{Row: "area_change", ID: string(c.ID)})
		if c.Number != "" {
			lines = append(lines, say("Theo %s.", "By %s.", c.Number))
		}
	}
	hamlet, commune := then.Hamlet(), then.Commune()
	t.add(radio.ChainPasses, 0, say("Ngày %s cụm loa “%s” (%s) thuộc %s, %s. %s", "On %s the device “%s” (%s) stood in %s, %s. %s", dateText(day), p.Device.Name, p.Device.Code,
		t.nameOn(hamlet, day), t.nameOn(commune, day), joined(lines, " ")), from...)
	return nil
}

// elsewhere says whether the device itself was moved to another commune since.
func (t *teller) elsewhere(day radio.Date) bool {
	r := t.c.Row
	return r != nil && r.Commune != "" && r.Commune != t.c.Place.On(day).Commune().ID
}

// nameOn is the name an area had on a day.
func (t *teller) nameOn(a radio.Area, day radio.Date) string {
	name, until := a.Name, radio.Date("")
	for _, n := range t.plan.AreaNames {
		if n.Area == a.ID && n.Until >= day && (until == "" || n.Until < until) {
			name, until = n.Name, n.Until
		}
	}
	return name
}

func dayAfter(d radio.Date) radio.Date {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return d
	}
	return radio.DateOf(t.AddDate(0, 0, 1))
}
