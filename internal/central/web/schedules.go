package web

import (
	"net/http"

	"loaxa/internal/radio"
)

const schedulesAPage = 20

type schedulesData struct {
	Schedules []scheduleRow
	Pager     pager
}

type scheduleRow struct {
	radio.Schedule
	InCampaign string
	Where      []string
	Slots      []slotRow
}

type slotRow struct {
	radio.Slot
	Items []itemRow
}

type itemRow struct {
	radio.Entry
	Title string
}

func (s *Server) scheduleList(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Plan.CurrentSchedules(r.Context())
	if err != nil {
		return err
	}
	names, err := s.names(r)
	if err != nil {
		return err
	}
	var d schedulesData
	shown, pager := part(r, all, schedulesAPage)
	d.Pager = pager
	for _, sc := range shown {
		d.Schedules = append(d.Schedules, names.schedule(sc))
	}
	return s.show(w, r, http.StatusOK, "schedules.html", "Lịch phát", d)
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

func (n names) schedule(sc radio.Schedule) scheduleRow {
	row := scheduleRow{Schedule: sc}
	if sc.Campaign != "" {
		row.InCampaign = n.of(string(sc.Campaign))
	}
	for _, t := range sc.Targets {
		row.Where = append(row.Where, n.of(string(t.Area)+string(t.Device)))
	}
	for _, sl := range sc.Slots {
		slot := slotRow{Slot: sl}
		for _, e := range sl.Items {
			item := itemRow{Entry: e, Title: e.Code}
			if e.Bulletin != "" {
				item.Title = n.of(string(e.Bulletin))
			}
			slot.Items = append(slot.Items, item)
		}
		row.Slots = append(row.Slots, slot)
	}
	return row
}

// scheduleRoutes are the desk for schedules.
func (s *Server) scheduleRoutes() []route {
	return []route{
		{pattern: "GET /schedules", as: s.page, do: s.scheduleList, may: radio.ReadSchedules},
		{pattern: "GET /api/v1/schedules", as: s.api, do: s.apiSchedules, may: radio.ReadSchedules, doc: doc{Summary: "Schedules on the air", Out: schedulesAnswer{}}},
	}
}
