package web

import (
	"cmp"
	"errors"
	"net/http"
	"path"
	"slices"
	"strconv"

	"loaxa/internal/radio"
)

type scheduleData struct {
	View    radio.ScheduleView
	OnAir   *scheduleRow
	Pending *scheduleRow
	Changes []changeRow
	Clashes []clashRow
	// Difference is what the publication of the draft would change; nil without a draft.
	Difference *radio.RehearsalDifference
	Blocking   bool
	// Refused is what stands in the way of the publication that was just asked for.
	Refused bool
	Holders holderSums
	Answers answerSums // of the communes to which it is sent
	// What the reader may do now.
	MayWrite, MayPublish, MayWithdraw bool
	// Own: the reader wrote the draft, somebody else publishes it.
	Own bool
	// Code is of the second factor: asked for when the draft takes one.
	Code  askCode
	Again retry // of the publication
}

type changeRow struct {
	Place, Was, Is string
}

// clashRow is one conflict: what, who, when, and how to solve it.
type clashRow struct {
	Reason   string
	Fix      string
	Blocking bool
	At       radio.Millis
	Times    int
	Devices  int
	Names    []string // of some of the devices
	More     int      // devices that are not named
}

// clashRows puts conflicts into the reader's language.
func clashRows(r *http.Request, found []radio.Conflict, names map[radio.DeviceID]string) []clashRow {
	var out []clashRow
	for _, c := range found {
		row := clashRow{Reason: c.VI, Fix: c.FixVI, Blocking: c.Blocking, At: c.At, Times: c.Times, Devices: c.DeviceCount}
		if languageOf(r) == english {
			row.Reason, row.Fix = c.EN, c.FixEN
		}
		for _, d := range c.Devices[:min(len(c.Devices), maxDeviceNames)] {
			if n := names[d]; n != "" {
				row.Names = append(row.Names, n)
			}
		}
		row.More = c.DeviceCount - len(row.Names)
		out = append(out, row)
	}
	return out
}

// holderSums count the devices of a schedule by how far they are.
type holderSums struct {
	Total, Synced int
	Lacking       []radio.ScheduleHolder // at most holdersShown
	More          int
}

const (
	holdersShown = 20
	holdersAPage = 100
)

func (s *Server) schedulePage(w http.ResponseWriter, r *http.Request) error {
	d, err := s.scheduleData(r)
	if err != nil {
		return err
	}
	return s.showSchedule(w, r, http.StatusOK, d)
}

func (s *Server) showSchedule(w http.ResponseWriter, r *http.Request, status int, d scheduleData) error {
	return s.show(w, r, status, "schedule.html", d.View.Schedule.Title, d)
}

func (s *Server) scheduleData(r *http.Request) (scheduleData, error) {
	ctx, p, id := r.Context(), who(r), scheduleID(r)
	var d scheduleData
	var err error
	if d.View, err = s.Schedules.View(ctx, p, id); err != nil {
		return d, err
	}
	names, err := s.labels(r)
	if err != nil {
		return d, err
	}
	if f := d.View.OnAir; f != nil {
		row := names.schedule(d.View.ScheduleCard, *f)
		d.OnAir = &row
	}
	chain, err := s.Schedules.Area(ctx, id)
	if err != nil {
		return d, err
	}
	d.MayWrite, d.MayPublish = p.May(radio.WriteSchedules, chain...), p.May(radio.PublishSchedules, chain...)
	d.MayWithdraw = d.MayPublish && d.View.OnAir != nil && d.View.State != radio.ScheduleWithdrawn
	if x := d.View.Draft; x != nil {
		row := names.schedule(d.View.ScheduleCard, *d.View.Pending)
		row.Schedule = x.Doc
		d.Pending = &row
		d.Own = slices.Contains(x.Authors, p.ID)
		if err := s.draftData(r, &d); err != nil {
			return d, err
		}
	}
	holders, err := s.holders(r)
	if err != nil {
		return d, err
	}
	d.Holders = sumHolders(holders)
	answers, err := s.answers(r, d.View)
	if err != nil {
		return d, err
	}
	d.Answers = sumAnswers(answers)
	return d, nil
}

// draftData adds what an approver looks at: what changes, and what stands in the way.
func (s *Server) draftData(r *http.Request, d *scheduleData) error {
	labels, err := s.labels(r)
	if err != nil {
		return err
	}
	if d.View.TakesCode && d.MayPublish {
		if d.Code, err = s.askCode(r, retry{}); err != nil {
			return err
		}
	}
	d.Changes = s.changeRows(r, labels, d.View.Changes)
	found, err := s.Schedules.Clashes(r.Context(), who(r), scheduleID(r))
	if err != nil {
		return err
	}
	names, err := s.deviceNames(r)
	if err != nil {
		return err
	}
	d.Clashes = clashRows(r, found, names)
	d.Blocking = (&radio.ScheduleClash{Conflicts: found}).Blocking()
	x, err := s.Schedules.Difference(r.Context(), who(r), scheduleID(r))
	d.Difference = &x
	return err
}

// deviceNames names the devices that the reader may see.
func (s *Server) deviceNames(r *http.Request) (map[radio.DeviceID]string, error) {
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return nil, err
	}
	names := map[radio.DeviceID]string{}
	for _, p := range places {
		if who(r).May(radio.ReadSchedules, chainIDs(p.Chain)...) {
			names[p.Device.ID] = p.Device.Name
		}
	}
	return names, nil
}

// holders lists the devices of the schedule that the reader may see.
func (s *Server) holders(r *http.Request) ([]radio.ScheduleHolder, error) {
	all, err := s.Schedules.Holders(r.Context(), who(r), scheduleID(r))
	if err != nil {
		return nil, err
	}
	communes, err := s.communesOf(r, radio.ReadSchedules)
	if err != nil || communes == nil {
		return all, err
	}
	return slices.DeleteFunc(all, func(h radio.ScheduleHolder) bool { return !slices.Contains(communes, h.Commune) }), nil
}

func sumHolders(all []radio.ScheduleHolder) holderSums {
	sum := holderSums{Total: len(all)}
	for _, h := range all {
		switch {
		case h.State == radio.HoldSynced:
			sum.Synced++
		case len(sum.Lacking) < holdersShown:
			sum.Lacking = append(sum.Lacking, h)
		default:
			sum.More++
		}
	}
	return sum
}

type holdersData struct {
	Schedule radio.Schedule
	Sums     holderSums
	Holders  []radio.ScheduleHolder
	State    string
	Pager    pager
}

func (s *Server) scheduleDevices(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "state", "page")
	if err != nil {
		return err
	}
	v, err := s.Schedules.View(r.Context(), who(r), scheduleID(r))
	if err != nil {
		return err
	}
	all, err := s.holders(r)
	if err != nil {
		return err
	}
	d := holdersData{Schedule: v.Schedule, Sums: sumHolders(all), State: q.Get("state")}
	all = slices.DeleteFunc(all, func(h radio.ScheduleHolder) bool {
		return d.State == "lacking" && h.State == radio.HoldSynced || d.State == "synced" && h.State != radio.HoldSynced
	})
	d.Holders, d.Pager = part(r, all, holdersAPage)
	return s.show(w, r, http.StatusOK, "schedule_devices.html", "Đồng bộ lịch phát", d)
}

func (s *Server) scheduleExport(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "format", "draft")
	if err != nil {
		return err
	}
	format := cmp.Or(q.Get("format"), "yaml")
	name, data, err := s.Schedules.Export(r.Context(), who(r), scheduleID(r), q.Get("draft") == "1", format)
	if err != nil {
		return err
	}
	return sendFile(w, name, format, data)
}

// sendFile sends a file to be kept.
func sendFile(w http.ResponseWriter, name, format string, data []byte) error {
	kind := map[string]string{
		"yaml": "application/yaml; charset=utf-8", "csv": "text/csv; charset=utf-8",
		"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	}[format]
	// Names are codes with a suffix: nothing to escape.
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	return send(w, http.StatusOK, kind, data)
}

// scheduleAct makes a handler of one thing done on a schedule's page.
func (s *Server) scheduleAct(act func(r *http.Request) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := readForm(r); err != nil {
			return err
		}
		err := act(r)
		var clash *radio.ScheduleClash
		if errors.As(err, &clash) {
			d, err := s.scheduleData(r)
			if err != nil {
				return err
			}
			d.Refused = true
			return s.showSchedule(w, r, http.StatusConflict, d)
		}
		err = scheduleSentence(err)
		if again, ok := s.again(w, r, againAfter(r), "", err); ok {
			d, err := s.scheduleData(r)
			if err != nil {
				return err
			}
			d.Again, d.Code.Mark = again, again.Mark("code")
			return s.showSchedule(w, r, again.Status(), d)
		}
		if err != nil {
			return err
		}
		to := "/schedules/" + string(scheduleID(r))
		if _, err := s.Schedules.Area(r.Context(), scheduleID(r)); errors.Is(err, radio.ErrNotFound) {
			to = "/schedules" // the draft was all there was
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	}
}

// againAfter names the form that comes back with its reason: the publication, which may
// lack a code only.
func againAfter(r *http.Request) string {
	if path.Base(r.URL.Path) == "publish" {
		return "publish"
	}
	return ""
}

// formNumber is a number the page itself put into a form; 0 when it is none.
func formNumber(r *http.Request, key string) int64 {
	n, err := strconv.ParseInt(r.PostFormValue(key), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (s *Server) submitSchedule(r *http.Request) error {
	_, err := s.ScheduleDesk.Submit(r.Context(), who(r), scheduleID(r), formNumber(r, "revision"))
	return err
}

func (s *Server) dropSchedule(r *http.Request) error {
	return s.ScheduleDesk.Drop(r.Context(), who(r), scheduleID(r), formNumber(r, "revision"))
}

func (s *Server) returnSchedule(r *http.Request) error {
	_, err := s.ScheduleDesk.Return(r.Context(), who(r), scheduleID(r), formNumber(r, "revision"), radio.TidyLine(r.PostFormValue("why")))
	return err
}

func (s *Server) publishSchedule(r *http.Request) error {
	_, err := s.ScheduleDesk.Publish(r.Context(), who(r), scheduleID(r), formNumber(r, "revision"), r.PostFormValue("accept") == "1", r.PostFormValue("code"))
	return err
}

func (s *Server) withdrawSchedule(r *http.Request) error {
	_, err := s.ScheduleDesk.Withdraw(r.Context(), who(r), scheduleID(r), int(formNumber(r, "version")), radio.TidyLine(r.PostFormValue("why")))
	return err
}
