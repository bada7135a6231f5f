package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"loaxa/internal/radio"
)

// bulletinsOffered is how many of the newest bulletins a form offers to choose from; any
// other code can be typed.
const bulletinsOffered = 200

type scheduleEditData struct {
	scheduleEdit
	Action   string
	Problems []problemRow
	// Clashes are what would stand between a form that was checked and the air.
	Clashes     []clashRow
	MoreClashes int
	Blocking    bool
	// Moved: another version or draft came since the form was opened; saving again takes
	// this one in its place.
	Moved     bool
	Owners    []radio.Area
	Campaigns []radio.Campaign
	Places    []targetChoice
	// Open is the commune whose hamlets and devices are offered, Communes those that can be.
	Open      string
	Communes  []radio.Area
	Bulletins []radio.Bulletin
}

// targetChoice is one area or device the form offers.
type targetChoice struct {
	Value, Name string
	Depth       int
	Checked     bool
}

func (s *Server) scheduleNew(w http.ResponseWriter, r *http.Request) error {
	e := editOf(radio.ScheduleForm{Priority: radio.Normal})
	e.change("add-slot")
	if campaign := radio.TidyLine(r.FormValue("campaign")); radio.ValidCode(campaign) {
		e.Campaign = campaign
	}
	return s.showEdit(w, r, http.StatusOK, e, editTold{})
}

func (s *Server) scheduleEdit(w http.ResponseWriter, r *http.Request) error {
	v, err := s.Schedules.View(r.Context(), who(r), scheduleID(r))
	if err != nil {
		return err
	}
	form := v.OnAir
	if v.Pending != nil {
		form = v.Pending
	}
	if form == nil {
		return notFound("draft")
	}
	e := editOf(*form)
	e.ID, e.Base, e.Revision = scheduleID(r), 0, 0
	e.see(v)
	if v.Draft != nil {
		e.Note = v.Draft.Note
	}
	return s.showEdit(w, r, http.StatusOK, e, editTold{})
}

// see notes which version and which draft the form was made from.
func (e *scheduleEdit) see(v radio.ScheduleView) {
	if v.OnAir != nil {
		e.Base = v.Schedule.Version
	}
	if v.Draft != nil {
		e.Revision = v.Draft.Revision
	}
}

// scheduleSave takes the form: its buttons add, drop and move rows, check, or save; "ends"
// only reckons the ends of the slots of a form that is being filled in.
func (s *Server) scheduleSave(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	e := readEdit(r.PostForm)
	e.ID = scheduleID(r)
	do := r.PostFormValue("do")
	if do != "save" && do != "check" {
		e.change(do)
		return s.showEdit(w, r, http.StatusOK, e, editTold{})
	}
	e.name()
	form, problems := e.form()
	if len(problems) > 0 {
		return s.showEdit(w, r, http.StatusUnprocessableEntity, e, editTold{problems: problems})
	}
	save := radio.DraftSave{Schedule: e.ID, Base: e.Base, Revision: e.Revision, Form: form, Note: e.Note}
	var x radio.ScheduleDraft
	var found []radio.Conflict
	var err error
	if do == "check" {
		found, err = s.ScheduleDesk.Check(r.Context(), who(r), save)
	} else {
		x, err = s.ScheduleDesk.Save(r.Context(), who(r), save)
	}
	var invalid *radio.Invalid
	switch {
	case errors.As(err, &invalid):
		return s.showEdit(w, r, http.StatusUnprocessableEntity, e, editTold{problems: invalid.Problems})
	case errors.Is(err, radio.ErrConflict) && e.ID != "":
		v, err := s.Schedules.View(r.Context(), who(r), e.ID)
		if err != nil {
			return err
		}
		e.Base, e.Revision = 0, 0
		e.see(v)
		return s.showEdit(w, r, http.StatusConflict, e, editTold{moved: true})
	case err != nil:
		return scheduleSentence(err)
	case do == "check":
		e.Checked = true
		return s.showEdit(w, r, http.StatusOK, e, editTold{clashes: found})
	}
	http.Redirect(w, r, "/schedules/"+string(x.Doc.ID), http.StatusSeeOther)
	return nil
}

// editTold is what a form is shown with.
type editTold struct {
	problems []radio.Problem
	moved    bool
	clashes  []radio.Conflict
}

func (s *Server) showEdit(w http.ResponseWriter, r *http.Request, status int, e scheduleEdit, told editTold) error {
	d := scheduleEditData{scheduleEdit: e, Action: "/schedules", Problems: s.problemRows(r, told.problems), Moved: told.moved}
	if len(told.clashes) > 0 {
		names, err := s.deviceNames(r)
		if err != nil {
			return err
		}
		d.Blocking = (&radio.ScheduleClash{Conflicts: told.clashes}).Blocking()
		d.Clashes, d.MoreClashes = first(clashRows(r, told.clashes, names), rehearsalConflicts)
	}
	title := "Lịch phát mới"
	if e.ID != "" {
		d.Action, title = "/schedules/"+string(e.ID)+"/edit", "Sửa lịch phát"
	}
	if err := s.editChoices(r, &d); err != nil {
		return err
	}
	return s.show(w, r, status, "schedule_edit.html", title, d)
}

// editChoices fills in what the form offers: the reader's areas, their devices, the
// campaigns and the newest bulletins.
func (s *Server) editChoices(r *http.Request, d *scheduleEditData) error {
	ctx, p := r.Context(), who(r)
	areas, err := s.Plan.Areas(ctx)
	if err != nil {
		return err
	}
	places, err := s.Plan.Places(ctx)
	if err != nil {
		return err
	}
	if d.Campaigns, err = s.Plan.Campaigns(ctx); err != nil {
		return err
	}
	bulletins, err := s.Plan.Bulletins(ctx)
	if err != nil {
		return err
	}
	labels, err := s.labels(r)
	if err != nil {
		return err
	}
	tree := radio.NewAreaTree(areas)
	for _, a := range areas {
		if a.Kind != radio.Hamlet && p.May(radio.WriteSchedules, tree.Chain(a.ID)...) {
			a.Name = areaLabel(tree, a)
			d.Owners = append(d.Owners, a)
		}
	}
	d.Owners = areasByName(d.Owners)
	slices.SortStableFunc(d.Owners, func(a, b radio.Area) int { return len(tree.Chain(a.ID)) - len(tree.Chain(b.ID)) })
	d.Open = r.FormValue("open")
	d.targets(placesByName(places), labels)
	slices.SortFunc(bulletins, func(a, b radio.Bulletin) int { return int(b.CreatedAt - a.CreatedAt) })
	for _, b := range bulletins {
		if (b.State == radio.Approved || b.State == radio.Pending) && len(d.Bulletins) < bulletinsOffered && p.MaySee(b, tree.Chain(b.Area)...) {
			d.Bulletins = append(d.Bulletins, b)
		}
	}
	d.slots(labels, s.pages.speech[languageOf(r)])
	return nil
}

// targets offers the owners' areas; of one commune its hamlets and devices too, and
// whatever is chosen already.
func (d *scheduleEditData) targets(places []radio.Place, labels labels) {
	checked := map[string]bool{}
	for _, t := range d.Targets {
		checked[t] = true
	}
	add := func(kind, code, name string, depth int) {
		v := kind + " " + code
		d.Places = append(d.Places, targetChoice{Value: v, Name: name, Depth: depth, Checked: checked[v]})
		delete(checked, v)
	}
	for _, a := range d.Owners {
		if a.Kind == radio.Commune {
			d.Communes = append(d.Communes, a)
		}
	}
	if len(d.Communes) == 1 {
		d.Open = d.Communes[0].Code
	}
	for _, a := range d.Owners {
		depth := 0
		if a.Kind == radio.Commune && len(d.Owners) > 1 {
			depth = 1
		}
		add("area", a.Code, a.Name, depth)
		if a.Code != d.Open || a.Kind != radio.Commune {
			continue
		}
		last := radio.AreaID("")
		for _, p := range places {
			if p.Commune().ID != a.ID {
				continue
			}
			if h := p.Hamlet(); h.ID != last {
				add("area", h.Code, h.Name, depth+1)
				last = h.ID
			}
			add("device", p.Device.Code, p.Device.Name, depth+2)
		}
	}
	for _, t := range d.Targets {
		if checked[t] {
			kind, code, _ := strings.Cut(t, " ")
			add(kind, code, labels.of(kind, code), 0)
		}
	}
}

// slots adds what the page tells about every row.
func (d *scheduleEditData) slots(labels labels, sp speech) {
	d.Slots = slices.Clone(d.Slots)
	for i := range d.Slots {
		s := &d.Slots[i]
		s.Items = slices.Clone(s.Items)
		for j := range s.Items {
			if b := s.Items[j].Bulletin; b != "" {
				s.Items[j].Title = labels.names["bulletin "+b]
			}
			s.Items[j].Variants = labels.variantEdits(s.Items[j].Variants)
		}
		var quiet radio.Invalid
		form := s.form(&quiet, "")
		s.Ends = slotEnds(form, labels.seconds)
		if length, ok := form.Length(func(code string) float64 { return labels.seconds[code] }); ok && form.Now {
			s.Ends = sp.say("ngay sau khi phát hành, dài %s", sp.length(length.Seconds()))
		}
		if s.Days == daysCron && s.Cron != "" {
			s.Words = sp.when(radio.FormSlot{Cron: s.Cron})
		}
	}
}

// Has says whether a day of the week is chosen.
func (e slotEdit) Has(day int) bool { return slices.Contains(e.Weekdays, day) }
