package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"loaxa/internal/radio"
)

// Timelines tells a commune's days as one list (timeline).
type Timelines interface {
	Tell(ctx context.Context, commune radio.AreaID, from radio.Date, days int) (radio.Timeline, error)
}

// timelineRoutes are a commune's week.
func (s *Server) timelineRoutes() []route {
	page, api := s.page, s.api
	return []route{
		{pattern: "GET /overview", as: page, do: s.overview, may: radio.ReadDevices},
		{pattern: "GET /timeline", as: page, do: s.timelineList, may: radio.ReadSchedules},
		{pattern: "GET /timeline/{area}", as: page, do: s.timelinePage, may: radio.ReadSchedules, of: s.ofCommune},
		{pattern: "GET /api/v1/timeline/{area}", as: api, do: s.apiTimeline, may: radio.ReadSchedules, of: s.ofCommune,
			doc: doc{Summary: "A commune's days as one list: own programme, what is sent from above, emergencies, what the policy keeps off, what became of what is past; from is today, days 7 (at most 14) when not said",
				Out: radio.Timeline{}, Query: []string{"from", "days"}}},
	}
}

// ownCommune is the commune that a person works for: the only one in which they make or
// approve its programme, and no wider area; "" for others.
func ownCommune(p radio.Person, tree radio.AreaTree) radio.AreaID {
	var own radio.AreaID
	for _, g := range p.Grants {
		a, ok := tree.Area(g.Area)
		switch {
		case !ok || a.Kind != radio.Commune, own != "" && own != g.Area:
			return ""
		case g.Role == radio.RoleEditor || g.Role == radio.RoleApprover:
			own = g.Area
		}
	}
	return own
}

type timelinesData struct{ Communes []radio.Area }

// timelineData is the page of one commune.
type timelineData struct {
	radio.Timeline
	Place          string
	Days           []timelineDay
	Previous, Next string // addresses
	// Todo is what waits for the reader.
	Todo []waitingLine
}

type timelineDay struct {
	Day   radio.Date
	Short string
	Today bool
	Past  bool // the whole day
	Rows  []timelineLine
}

// timelineLine is one airing in words.
type timelineLine struct {
	radio.TimelineRow
	Time string
}

// Each gives what became of it, of what is past.
func (l timelineLine) Each() []outcomeCount {
	var out []outcomeCount
	for _, o := range radio.Outcomes() {
		if n := l.Outcomes[o]; n > 0 {
			out = append(out, outcomeCount{o, n})
		}
	}
	return out
}

type outcomeCount struct {
	Outcome radio.Outcome
	N       int64
}

// timelineList lists the reader's communes; the only one is shown at once.
func (s *Server) timelineList(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	communes, err := s.readCommunes(r)
	if err != nil {
		return err
	}
	if len(communes) == 1 {
		http.Redirect(w, r, "/timeline/"+string(communes[0].ID), http.StatusSeeOther)
		return nil
	}
	return s.show(w, r, http.StatusOK, "timelines.html", "Tuần của xã", timelinesData{communes})
}

func (s *Server) timelinePage(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "from")
	if err != nil {
		return err
	}
	return s.showTimeline(w, r, radio.AreaID(r.PathValue("area")), q.Get("from"))
}

// showTimeline shows the week of a commune in which a date lies, this week without one.
func (s *Server) showTimeline(w http.ResponseWriter, r *http.Request, commune radio.AreaID, date string) error {
	from, err := s.monday(date)
	if err != nil {
		return err
	}
	var d timelineData
	if d.Timeline, err = s.Timelines.Tell(r.Context(), commune, from, 7); err != nil {
		return err
	}
	if d.Todo, err = s.waiting(r); err != nil {
		return err
	}
	tree, err := s.tree(r)
	if err != nil {
		return err
	}
	a, _ := tree.Area(commune)
	d.Place = a.Name
	first, err := time.Parse(time.DateOnly, string(from))
	if err != nil {
		return err
	}
	today := radio.DateOf(s.Now().In(s.zone))
	for i := range 7 {
		day := timelineDay{Day: radio.DateOf(first.AddDate(0, 0, i))}
		day.Today, day.Past = day.Day == today, day.Day < today
		if day.Short, err = shortDay(day.Day); err != nil {
			return err
		}
		for _, row := range d.Rows {
			if row.Day == day.Day {
				day.Rows = append(day.Rows, timelineLine{row, s.hours(row.At, row.End)})
			}
		}
		d.Days = append(d.Days, day)
	}
	at := "/timeline/" + string(commune) + "?from="
	d.Previous, d.Next = at+string(radio.DateOf(first.AddDate(0, 0, -7))), at+string(radio.DateOf(first.AddDate(0, 0, 7)))
	return s.show(w, r, http.StatusOK, "timeline.html", "Tuần của xã", d)
}

func (s *Server) apiTimeline(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "from", "days")
	if err != nil {
		return err
	}
	days := 7
	if q.Has("days") {
		if days, err = strconv.Atoi(q.Get("days")); err != nil {
			days = 0 // refused with the bounds
		}
	}
	from := radio.Date(q.Get("from"))
	if from == "" {
		from = radio.DateOf(s.Now().In(s.zone))
	}
	t, err := s.Timelines.Tell(r.Context(), radio.AreaID(r.PathValue("area")), from, days)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, t)
}

// timelineText names whose a line is.
func timelineText(v radio.TimelineKind) string {
	return word(map[radio.TimelineKind]string{
		radio.TimelineOwn: "của địa phương", radio.TimelineAbove: "cấp trên gửi", radio.TimelineAlert: "khẩn cấp", radio.TimelineDrill: "diễn tập", radio.TimelineOther: "ngoài lịch",
	}, v)
}
