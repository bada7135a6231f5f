package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"loaxa/internal/radio"
)

// ScheduleBook shows schedules and drafts to who may see them (schedule).
type ScheduleBook interface {
	List(ctx context.Context, by radio.Person) ([]radio.ScheduleCard, error)
	// Waiting lists the drafts that this person may decide about.
	Waiting(ctx context.Context, by radio.Person) ([]radio.ScheduleDraft, error)
	View(ctx context.Context, by radio.Person, id radio.ScheduleID) (radio.ScheduleView, error)
	// Area is the chain of the area whose desk the schedule belongs to.
	Area(ctx context.Context, id radio.ScheduleID) ([]radio.AreaID, error)
	Clashes(ctx context.Context, by radio.Person, id radio.ScheduleID) ([]radio.Conflict, error)
	// Difference rehearses what the publication of the draft changes.
	Difference(ctx context.Context, by radio.Person, id radio.ScheduleID) (radio.RehearsalDifference, error)
	Holders(ctx context.Context, by radio.Person, id radio.ScheduleID) ([]radio.ScheduleHolder, error)
	Export(ctx context.Context, by radio.Person, id radio.ScheduleID, pending bool, format string) (string, []byte, error)
}

// ScheduleDesk keeps drafts and decides about them (schedule).
type ScheduleDesk interface {
	Save(ctx context.Context, by radio.Person, in radio.DraftSave) (radio.ScheduleDraft, error)
	// Check says what Save would say, and what would stand between it and the air; it keeps
	// nothing.
	Check(ctx context.Context, by radio.Person, in radio.DraftSave) ([]radio.Conflict, error)
	Submit(ctx context.Context, by radio.Person, id radio.ScheduleID, revision int64) (radio.ScheduleDraft, error)
	Return(ctx context.Context, by radio.Person, id radio.ScheduleID, revision int64, why string) (radio.ScheduleDraft, error)
	Drop(ctx context.Context, by radio.Person, id radio.ScheduleID, revision int64) error
	Publish(ctx context.Context, by radio.Person, id radio.ScheduleID, revision int64, accept bool, code string) (radio.Schedule, error)
	Withdraw(ctx context.Context, by radio.Person, id radio.ScheduleID, version int, why string) (radio.Schedule, error)
}

// ScheduleFiles reads files of schedules (schedule).
type ScheduleFiles interface {
	ReadUpload(ctx context.Context, by radio.Person, name string, data []byte) (radio.ScheduleUpload, error)
	SaveUpload(ctx context.Context, by radio.Person, shown radio.ScheduleUpload) (radio.ScheduleUpload, error)
	Template(format string) (string, []byte, error)
}

const schedulesAPage = 20

// scheduleRoutes are the desk for schedules.
func (s *Server) scheduleRoutes() []route {
	page, of := s.page, s.ofSchedule
	return append([]route{
		{pattern: "GET /schedules", as: page, do: s.scheduleList, may: radio.ReadSchedules},
		{pattern: "GET /schedules/new", as: page, do: s.scheduleNew, may: radio.WriteSchedules},
		{pattern: "POST /schedules", as: page, do: s.scheduleSave, may: radio.WriteSchedules},
		{pattern: "GET /schedules/upload", as: page, do: s.uploadForm, may: radio.WriteSchedules},
		{pattern: "POST /schedules/upload", as: page, do: s.uploadShow, may: radio.WriteSchedules, body: maxScheduleUpload},
		{pattern: "POST /schedules/upload/save", as: page, do: s.uploadSave, may: radio.WriteSchedules, body: maxUploadSave},
		{pattern: "GET /schedules/upload/template", as: page, do: s.uploadTemplate, may: radio.ReadSchedules},
		{pattern: "GET /schedules/{id}", as: page, do: s.schedulePage, may: radio.ReadSchedules, of: of},
		{pattern: "GET /schedules/{id}/devices", as: page, do: s.scheduleDevices, may: radio.ReadSchedules, of: of},
		{pattern: "GET /schedules/{id}/export", as: page, do: s.scheduleExport, may: radio.ReadSchedules, of: of},
		{pattern: "GET /schedules/{id}/edit", as: page, do: s.scheduleEdit, may: radio.WriteSchedules, of: of},
		{pattern: "POST /schedules/{id}/edit", as: page, do: s.scheduleSave, may: radio.WriteSchedules, of: of},
		{pattern: "POST /schedules/{id}/submit", as: page, do: s.scheduleAct(s.submitSchedule), may: radio.WriteSchedules, of: of},
		{pattern: "POST /schedules/{id}/drop", as: page, do: s.scheduleAct(s.dropSchedule), may: radio.WriteSchedules, of: of},
		{pattern: "POST /schedules/{id}/return", as: page, do: s.scheduleAct(s.returnSchedule), may: radio.PublishSchedules, of: of},
		{pattern: "POST /schedules/{id}/publish", as: page, do: s.scheduleAct(s.publishSchedule), may: radio.PublishSchedules, of: of},
		{pattern: "POST /schedules/{id}/withdraw", as: page, do: s.scheduleAct(s.withdrawSchedule), may: radio.PublishSchedules, of: of},
	}, s.scheduleAPI()...)
}

// scheduleID is the schedule in the address.
func scheduleID(r *http.Request) radio.ScheduleID { return radio.ScheduleID(r.PathValue("id")) }

// ofSchedule is the area whose desk the schedule in the address belongs to.
func (s *Server) ofSchedule(r *http.Request) ([]radio.AreaID, error) {
	if !radio.ValidID(scheduleID(r)) {
		return nil, notFound("schedule")
	}
	return s.Schedules.Area(r.Context(), scheduleID(r))
}

type schedulesData struct {
	Schedules []scheduleRow
	Filter    scheduleFilter
	Areas     []radio.Area // owners to choose from
	Pager     pager
	MayWrite  bool
	Waiting   int // drafts that wait for a decision
}

type scheduleFilter struct {
	State, Area, Query string
}

// scheduleStates are what the list is narrowed to; "" is all that is not over.
var scheduleStates = []string{"", "on_air", "draft", "submitted", "ended", "withdrawn", "all"}

type scheduleRow struct {
	radio.ScheduleCard
	Owner      string
	InCampaign string
	Where      []string
	Slots      []slotRow
}

type slotRow struct {
	radio.FormSlot
	Items []itemRow
	// Ends are the times at which it is over, as far as lengths are known.
	Ends string
}

type itemRow struct {
	radio.FormItem
	Title   string
	Seconds float64
	Others  []variantRow // what some clusters play in its place
}

// scheduleKeys are what the address of the list may hold.
var scheduleKeys = []string{"state", "area", "q", "page"}

func (s *Server) scheduleList(w http.ResponseWriter, r *http.Request) error {
	d, all, err := s.scheduleCards(r)
	if err != nil {
		return err
	}
	names, err := s.labels(r)
	if err != nil {
		return err
	}
	shown, pager := part(r, all, schedulesAPage)
	d.Pager = pager
	for _, c := range shown {
		d.Schedules = append(d.Schedules, names.schedule(c, c.Form))
	}
	d.MayWrite = who(r).MaySomewhere(radio.WriteSchedules)
	return s.show(w, r, http.StatusOK, "schedules.html", "Lịch phát", d)
}

// scheduleCards reads the list as the address narrows it.
func (s *Server) scheduleCards(r *http.Request) (schedulesData, []radio.ScheduleCard, error) {
	var d schedulesData
	q, err := strictQuery(r, scheduleKeys...)
	if err != nil {
		return d, nil, err
	}
	d.Filter = scheduleFilter{State: q.Get("state"), Area: q.Get("area"), Query: radio.TidyLine(clip(q.Get("q"), 100))}
	var e radio.Invalid
	if !slices.Contains(scheduleStates, d.Filter.State) {
		e.Add("state", "không có tình trạng này", "no such state")
	}
	if err := e.Err(); err != nil {
		return d, nil, err
	}
	tree, err := s.tree(r)
	if err != nil {
		return d, nil, err
	}
	all, err := s.Schedules.List(r.Context(), who(r))
	if err != nil {
		return d, nil, err
	}
	owners := map[radio.AreaID]bool{}
	var out []radio.ScheduleCard
	for _, c := range all {
		owner := c.Schedule.Area
		if owner == "" {
			owner = firstOf(tree.Root())
		}
		if a, ok := tree.Area(owner); ok && !owners[owner] {
			owners[owner] = true
			d.Areas = append(d.Areas, a)
		}
		if c.Draft != nil && c.Draft.State == radio.DraftSubmitted {
			d.Waiting++
		}
		if d.Filter.keeps(c) && (d.Filter.Area == "" || string(owner) == d.Filter.Area) {
			out = append(out, c)
		}
	}
	d.Areas = areasByName(d.Areas)
	slices.SortStableFunc(d.Areas, func(a, b radio.Area) int { return cmp.Compare(len(tree.Chain(a.ID)), len(tree.Chain(b.ID))) })
	return d, out, nil
}

func firstOf(ids []radio.AreaID) radio.AreaID {
	if len(ids) == 0 {
		return ""
	}
	return ids[0]
}

func (f scheduleFilter) keeps(c radio.ScheduleCard) bool {
	if q := radio.Fold(f.Query); q != "" && !strings.Contains(radio.Fold(c.Schedule.Title+" "+c.Schedule.Code), q) {
		return false
	}
	switch f.State {
	case "":
		return c.Draft != nil || c.State == radio.ScheduleOnAir || c.State == radio.ScheduleNew
	case "draft":
		return c.Draft != nil
	case "submitted":
		return c.Draft != nil && c.Draft.State == radio.DraftSubmitted
	case "all":
		return true
	}
	return string(c.State) == f.State
}

// names gives what people call areas, devices, campaigns and bulletins, by id.
type names map[string]string

func (s *Server) names(r *http.Request) (names, error) {
	ctx := r.Context()
	places, err := s.Plan.Places(ctx)
	if err != nil {
		return nil, err
	}
	campaigns, err := s.Plan.Campaigns(ctx)
	if err != nil {
		return nil, err
	}
	bulletins, err := s.Plan.Bulletins(ctx)
	if err != nil {
		return nil, err
	}
	n := names{}
	for _, p := range places {
		n[string(p.Device.ID)] = p.Device.Name
		for _, a := range p.Chain {
			n[string(a.ID)] = a.Name
		}
	}
	for _, c := range campaigns {
		n[string(c.ID)] = c.Title
	}
	for _, b := range bulletins {
		n[string(b.ID)] = b.Title
	}
	return n, nil
}

// of gives the id itself where there is no name: an area without devices, say.
func (n names) of(id string) string {
	if name, ok := n[id]; ok {
		return name
	}
	return id
}

// labels are what people call things by their codes, and how long bulletins are.
type labels struct {
	names   map[string]string // "area x", "device x", "campaign x", "bulletin x"
	seconds map[string]float64
}

func (s *Server) labels(r *http.Request) (labels, error) {
	ctx := r.Context()
	l := labels{names: map[string]string{}, seconds: map[string]float64{}}
	places, err := s.Plan.Places(ctx)
	if err != nil {
		return l, err
	}
	areas, err := s.Plan.Areas(ctx)
	if err != nil {
		return l, err
	}
	campaigns, err := s.Plan.Campaigns(ctx)
	if err != nil {
		return l, err
	}
	bulletins, err := s.Plan.Bulletins(ctx)
	if err != nil {
		return l, err
	}
	// What is another desk's stays a code, also when its code is typed in.
	tree, reader := radio.NewAreaTree(areas), who(r)
	for _, p := range places {
		if reader.May(radio.ReadSchedules, chainIDs(p.Chain)...) {
			l.names["device "+p.Device.Code] = p.Device.Name
		}
	}
	for _, a := range areas {
		l.names["area "+a.Code] = a.Name
	}
	for _, c := range campaigns {
		l.names["campaign "+c.Code] = c.Title
	}
	for _, b := range bulletins {
		if reader.MaySee(b, tree.Chain(b.Area)...) {
			l.names["bulletin "+b.Code], l.seconds[b.Code] = b.Title, b.Seconds
		}
	}
	return l, nil
}

// of gives the code itself where there is no name.
func (l labels) of(kind, code string) string { return cmp.Or(l.names[kind+" "+code], code) }

func (n labels) schedule(c radio.ScheduleCard, f radio.ScheduleForm) scheduleRow {
	row := scheduleRow{ScheduleCard: c, Owner: n.of("area", f.Area)}
	if f.Campaign != "" {
		row.InCampaign = n.of("campaign", f.Campaign)
	}
	for _, t := range f.Targets {
		if t.Device != "" {
			row.Where = append(row.Where, n.of("device", t.Device))
		} else {
			row.Where = append(row.Where, n.of("area", t.Area))
		}
	}
	for _, sl := range f.Slots {
		slot := slotRow{FormSlot: sl}
		for _, it := range sl.Items {
			slot.Items = append(slot.Items, itemRow{FormItem: it, Title: n.of("bulletin", it.Bulletin), Seconds: n.seconds[it.Bulletin], Others: n.variantRows(it.Variants)})
		}
		slot.Ends = slotEnds(sl, n.seconds)
		row.Slots = append(row.Slots, slot)
	}
	return row
}

// scheduleSentence finds the words for what the desk refuses.
func scheduleSentence(err error) error {
	var invalid *radio.Invalid
	var clash *radio.ScheduleClash
	var own interface{ Vietnamese() string }
	switch {
	case err == nil, errors.As(err, &invalid), errors.As(err, &own):
		return err
	case errors.As(err, &clash):
		return told{err, fmt.Sprintf("Còn %d xung đột với lịch này. Hãy xem danh sách xung đột.", len(clash.Conflicts))}
	case errors.Is(err, radio.ErrConflict):
		return told{err, "Lịch đã thay đổi từ khi bạn mở trang. Hãy mở lại trang của lịch để xem trạng thái mới."}
	case errors.Is(err, radio.ErrForbidden):
		return told{err, "Không được phép: người soạn không tự duyệt lịch của mình, và mỗi nơi chỉ quyết định lịch của địa bàn mình."}
	}
	return err
}
