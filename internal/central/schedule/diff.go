package schedule

import (
	"fmt"
	"io"
	"strings"

	"loaxa/internal/radio"
)

// Action is what an import does to one thing.
type Action string

const (
	Created   Action = "created"
	Changed   Action = "changed"
	Approved  Action = "approved"  // a pending bulletin, taken as it is
	Ended     Action = "withdrawn" // taken off the air
	Unchanged Action = "unchanged"
	Left      Action = "left alone" // the centre holds it, the files do not say so
)

var actionNames = []struct {
	action Action
	mark   string
	vi     string
}{
	{Created, "+", "mới"},
	{Changed, "~", "đổi"},
	{Approved, "✓", "duyệt"},
	{Ended, "-", "thu hồi"},
	{Left, "·", "giữ nguyên, không có trong tệp"},
	{Unchanged, "=", "không đổi"},
}

// Change is one line of the difference, with a line for each field that moved.
type Change struct {
	Action Action
	What   string // area, device, contact, policy, bulletin, campaign, schedule
	Code   string
	Title  string
	Fields []string
}

// Diff tells what an import changes, in the order of the walk.
type Diff struct {
	Source  string
	Changes []Change
	// Notes are warnings: what was taken, and may not be meant.
	Notes []string
}

// Changed says whether anything is written.
func (d Diff) Changed() bool {
	for _, c := range d.Changes {
		if c.Action != Unchanged && c.Action != Left {
			return true
		}
	}
	return false
}

// Count of the changes with that action.
func (d Diff) Count(a Action) int {
	n := 0
	for _, c := range d.Changes {
		if c.Action == a {
			n++
		}
	}
	return n
}

// Counts is how many of each kind there are.
func (d Diff) Counts() map[string]int {
	out := map[string]int{}
	for _, a := range actionNames {
		if n := d.Count(a.action); n > 0 {
			out[string(a.action)] = n
		}
	}
	return out
}

// Summary is one line: how many of each.
func (d Diff) Summary() string {
	var parts []string
	for _, a := range actionNames {
		if n := d.Count(a.action); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s / %s", n, a.vi, a.action))
		}
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.Join(parts, ", ")
}

// Write prints the difference for people.
func (d Diff) Write(w io.Writer) error {
	var b strings.Builder
	for _, c := range d.Changes {
		if c.Action == Unchanged {
			continue
		}
		fmt.Fprintf(&b, "%s %s / %s %s", mark(c.Action), vietnamese[c.What], c.What, c.Code)
		if c.Title != "" {
			fmt.Fprintf(&b, " “%s”", c.Title)
		}
		b.WriteByte('\n')
		for _, f := range c.Fields {
			fmt.Fprintf(&b, "    %s\n", f)
		}
	}
	for _, n := range d.Notes {
		fmt.Fprintf(&b, "⚠ %s\n", n)
	}
	if !d.Changed() {
		b.WriteString("Không có thay đổi. / No changes.\n")
	}
	fmt.Fprintf(&b, "%s: %s\n", d.Source, d.Summary())
	_, err := io.WriteString(w, b.String())
	return err
}

func mark(a Action) string {
	for _, n := range actionNames {
		if n.action == a {
			return n.mark
		}
	}
	return "?"
}

func (d *Diff) note(a Action, what, code, title string, fields ...string) {
	d.Changes = append(d.Changes, Change{Action: a, What: what, Code: code, Title: title, Fields: fields})
}

func (d *Diff) leave(what, code, title string) { d.note(Left, what, code, title) }

// compare notes one thing as created, changed or unchanged by its fields, and says
// whether it must be written. was is nil for what is new.
func (d *Diff) compare(what, code, title string, was, is []field) bool {
	if was == nil {
		d.note(Created, what, code, title)
		return true
	}
	moved := moves(was, is)
	if len(moved) == 0 {
		d.note(Unchanged, what, code, title)
		return false
	}
	d.note(Changed, what, code, title, moved...)
	return true
}

// field is one comparable part of a thing, as people read it. Two things are the
// same when their fields are: the difference shown is the difference found.
type field struct{ name, value string }

func fieldsIf(exists bool, f func() []field) []field {
	if !exists {
		return nil
	}
	return f()
}

// moves lists the fields that differ, one line each.
func moves(was, is []field) []string {
	old := make(map[string]string, len(was))
	for _, f := range was {
		old[f.name] = f.value
	}
	var out []string
	now := make(map[string]bool, len(is))
	for _, f := range is {
		now[f.name] = true
		v, had := old[f.name]
		switch {
		case !had:
			out = append(out, fmt.Sprintf("+ %s: %s", f.name, f.value))
		case v != f.value:
			out = append(out, fmt.Sprintf("%s: %s → %s", f.name, orNone(v), orNone(f.value)))
		}
	}
	for _, f := range was {
		if !now[f.name] {
			out = append(out, fmt.Sprintf("- %s: %s", f.name, f.value))
		}
	}
	return out
}

func orNone(s string) string {
	if s == "" {
		return "(trống)"
	}
	return s
}

func (b *builder) areaFields(a radio.Area) []field {
	return []field{{"name", a.Name}, {"parent", b.areaByID[a.Parent].Code}, {"zone", a.Zone}}
}

func (b *builder) deviceFields(d radio.Device) []field {
	return []field{{"name", d.Name}, {"hamlet", b.areaByID[d.Hamlet].Code}, {"rendition", fmt.Sprint(d.Rendition)},
		{"offset_ms", fmt.Sprint(d.Setup.OffsetMS)}, {"stagger_ms", fmt.Sprint(d.Setup.StaggerMS)}, {"position", d.Setup.Position.String()}}
}

func policyFields(p radio.PolicyRule) []field {
	out := []field{{"label", p.Label}, {"zone", p.Zone}}
	for _, all := range []struct {
		name string
		list []radio.Window
	}{{"window", p.Windows}, {"quiet", p.Quiet}} {
		for i, w := range all.list {
			days := "mọi ngày"
			if len(w.Days) > 0 {
				days = strings.Trim(fmt.Sprint(w.Days), "[]")
			}
			out = append(out, field{fmt.Sprintf("%s %d", all.name, i+1), fmt.Sprintf("%s–%s, %s", w.From, w.To, days)})
		}
	}
	out = append(out, field{"number", p.Number}, field{"issued", string(p.Issued)}, field{"issuer", p.Issuer}, field{"from", string(p.From)}, field{"note", p.Note})
	for i, v := range p.Volume {
		out = append(out, field{fmt.Sprintf("volume %d", i+1), fmt.Sprintf("%s–%s %g dB", v.From, v.To, v.GainDB)})
	}
	out = append(out, field{"mourning", joinDates(p.Mourning)})
	return append(out, capFields(p)...)
}

func (b *builder) bulletinFields(x radio.Bulletin) []field {
	instant := func(m radio.Millis) string {
		if m == 0 {
			return ""
		}
		return m.Time().Format("2006-01-02T15:04Z")
	}
	transcript := x.TranscriptSHA256
	if x.Transcript != "" {
		transcript = radio.TranscriptHash(x.Transcript)
	}
	return []field{
		{"title", x.Title}, {"summary", x.Summary}, {"field", fmt.Sprint(int(x.Field))}, {"priority", string(x.Priority)},
		{"author", x.Author}, {"pen_name", x.PenName}, {"unit", x.Unit}, {"language", x.Language},
		{"area", b.areaByID[x.Area].Code}, {"campaign", b.drives[x.Campaign]},
		{"valid_from", instant(x.ValidFrom)}, {"valid_until", instant(x.ValidUntil)},
		{"transcript", string(transcript)}, {"audio", string(x.SourceSHA256)},
	}
}

func (b *builder) scheduleFields(s radio.Schedule) []field {
	targets := make([]string, len(s.Targets))
	for i, t := range s.Targets {
		targets[i] = b.targetName(t)
	}
	withdrawn := ""
	if s.WithdrawnAt != 0 {
		withdrawn = "true"
	}
	out := []field{
		{"title", s.Title}, {"area", b.ownerCode(s)}, {"campaign", b.drives[s.Campaign]}, {"priority", string(s.Priority)},
		{"targets", strings.Join(targets, ", ")}, {"zone", s.Zone}, {"from", string(s.From)}, {"until", string(s.Until)},
		{"except", joinDates(s.Except)}, {"grace", fmt.Sprintf("%ds", s.GraceSeconds)}, {"withdrawn", withdrawn},
	}
	order := make([]string, len(s.Slots))
	for i, sl := range s.Slots {
		order[i] = sl.Code
		name := "slot " + sl.Code
		if sl.Now {
			out = append(out, field{name + " now", "true"})
		} else {
			out = append(out, field{name + " cron", sl.Cron})
		}
		if len(sl.Dates) > 0 {
			out = append(out, field{name + " dates", joinDates(sl.Dates)})
		}
		if sl.Again > 0 {
			out = append(out, field{name + " again", fmt.Sprintf("%d × %d", sl.Again, sl.EveryMinutes)})
		}
		items := make([]string, len(sl.Items))
		for j, e := range sl.Items {
			items[j] = e.Code
			out = append(out, field{name + " item " + e.Code, fmt.Sprintf("%s ×%d, gap %dms", b.titles[e.Bulletin], e.Repeat, e.GapMS) + b.variantsText(e)})
		}
		out = append(out, field{name + " order", strings.Join(items, ", ")})
	}
	return append(out, field{"slots", strings.Join(order, ", ")})
}

// ownerCode names the owner; a schedule of old times belongs to its targets' province.
func (b *builder) ownerCode(s radio.Schedule) string { return b.areaByID[b.owner(s)].Code }

func (b *builder) owner(s radio.Schedule) radio.AreaID {
	if s.Area == "" && len(s.Targets) > 0 {
		return b.targetRoot(s.Targets[0])
	}
	return s.Area
}

func joinDates(ds []radio.Date) string {
	parts := make([]string, len(ds))
	for i, d := range ds {
		parts[i] = string(d)
	}
	return strings.Join(parts, ", ")
}
