package web

import (
	"encoding/json"
	"net/http"

	"loaxa/internal/radio"
)

// deviceRow is one cluster of loudspeakers as the overview shows it: only what the
// device said itself, never what we sent.
type deviceRow struct {
	Device   radio.DeviceID `json:"device"`
	Code     string         `json:"code"`
	Name     string         `json:"name"`
	Commune  string         `json:"commune"`
	Hamlet   string         `json:"hamlet"`
	Enrolled bool           `json:"enrolled"`
	Online   bool           `json:"online"`
	LastSeen radio.Millis   `json:"last_seen,omitempty"`
	// Status is the device's own report; nil before the first one.
	Status *radio.Status `json:"status,omitempty"`
	Ready  int           `json:"audio_ready"`
	Audio  int           `json:"audio_needed"`
}

type overviewData struct {
	Devices  []deviceRow
	Online   int
	Offline  int
	Sounding int
	Faulty   int
	Today    []outcomeTotal
	Planned  int64
	Day      radio.Date
}

func (s *Server) devices(r *http.Request) ([]deviceRow, error) {
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return nil, err
	}
	states, err := s.Plan.DeviceStates(r.Context())
	if err != nil {
		return nil, err
	}
	known := make(map[radio.DeviceID]radio.DeviceState, len(states))
	for _, st := range states {
		known[st.Device] = st
	}
	rows := make([]deviceRow, 0, len(places))
	for _, p := range places {
		st := known[p.Device.ID]
		row := deviceRow{
			Device: p.Device.ID, Code: p.Device.Code, Name: p.Device.Name, Commune: p.Commune().Name, Hamlet: p.Hamlet().Name,
			Enrolled: p.Device.Enrolled != 0, Online: st.Alive, LastSeen: st.LastSeen,
		}
		if len(st.Reported) > 0 {
			var status radio.Status
			if err := json.Unmarshal(st.Reported, &status); err != nil {
				s.Logger.Warn("a stored report cannot be read", "device", p.Device.ID, "error", err)
			} else {
				row.Status = &status
				row.Audio = len(status.Audio)
				for _, a := range status.Audio {
					if a.Ready {
						row.Ready++
					}
				}
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (s *Server) overview(w http.ResponseWriter, r *http.Request) error {
	var d overviewData
	var err error
	if d.Devices, err = s.devices(r); err != nil {
		return err
	}
	for _, row := range d.Devices {
		if row.Online {
			d.Online++
		} else {
			d.Offline++
		}
		if row.Status != nil && row.Status.Sounding != nil {
			d.Sounding++
		}
		if row.Status != nil && len(row.Status.Faults) > 0 {
			d.Faulty++
		}
	}
	d.Day = radio.DateOf(s.Now().In(s.Zone))
	counts, err := s.Log.LogCounts(r.Context(), radio.LogFilter{From: d.Day, To: d.Day})
	if err != nil {
		return err
	}
	sums := map[radio.Outcome]int64{}
	for _, c := range counts {
		if c.Planned {
			sums[c.Outcome] += c.Rows
			d.Planned += c.Rows
		}
	}
	for _, o := range radio.Outcomes() {
		if sums[o] > 0 {
			d.Today = append(d.Today, outcomeTotal{o, sums[o]})
		}
	}
	return s.pages.render(w, "overview.html", view[overviewData]{Title: "Cụm loa", Nav: "overview", Person: who(r), Data: d})
}

type schedulesData struct {
	Schedules []scheduleRow
}

type scheduleRow struct {
	radio.Schedule
	Campaign string
	Slots    []slotRow
	Where    []string
}

type slotRow struct {
	Code  string
	Cron  string
	Items []string
}

func (s *Server) scheduleList(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	all, err := s.Plan.CurrentSchedules(ctx)
	if err != nil {
		return err
	}
	names, err := s.names(r)
	if err != nil {
		return err
	}
	var d schedulesData
	for _, sc := range all {
		row := scheduleRow{Schedule: sc, Campaign: names[string(sc.Campaign)]}
		for _, t := range sc.Targets {
			row.Where = append(row.Where, names[string(t.Area)+string(t.Device)])
		}
		for _, sl := range sc.Slots {
			slot := slotRow{Code: sl.Code, Cron: sl.Cron}
			for _, e := range sl.Items {
				slot.Items = append(slot.Items, names[string(e.Bulletin)])
			}
			row.Slots = append(row.Slots, slot)
		}
		d.Schedules = append(d.Schedules, row)
	}
	return s.pages.render(w, "schedules.html", view[schedulesData]{Title: "Lịch phát", Nav: "schedules", Person: who(r), Data: d})
}

// names gives what people call areas, devices, campaigns and bulletins, by id.
func (s *Server) names(r *http.Request) (map[string]string, error) {
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
	names := map[string]string{}
	for _, p := range places {
		names[string(p.Device.ID)] = p.Device.Name
		for _, a := range p.Chain {
			names[string(a.ID)] = a.Name
		}
	}
	for _, c := range campaigns {
		names[string(c.ID)] = c.Title
	}
	for _, b := range bulletins {
		names[string(b.ID)] = b.Title
	}
	return names, nil
}
