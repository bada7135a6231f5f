package radio

// PolicyStatus tells of the policy in force what its label does not: the caps with what
// counts towards them today, and the exceptions that are near.
type PolicyStatus struct {
	MaxSessions int `json:"max_sessions,omitempty"`
	MaxMinutes  int `json:"max_minutes,omitempty"`
	// Sessions and Samples of the plan that count for today (see Tally).
	Sessions int   `json:"sessions"`
	Samples  int64 `json:"samples"`
	// Exceptions from today on, the nearest first, at most shownExceptions.
	Exceptions []PolicyException `json:"exceptions,omitempty"`
	// TetYear and Tet name the Tết near of which the policy says nothing; 0 for none.
	TetYear int  `json:"tet_year,omitempty"`
	Tet     Date `json:"tet,omitempty"`
	// Coming is the label of the rules that follow, ComingFrom their first day; "" for none.
	ComingFrom Date   `json:"coming_from,omitempty"`
	Coming     string `json:"coming,omitempty"`
}

// shownExceptions bounds those in a status, which has to fit the wire.
const shownExceptions = 4

// Status tells of the policy on a local date; nil when its label says all. What counts
// today is for the device's desk to say.
func (p Policy) Status(today Date) *PolicyStatus {
	coming := p.Coming
	p = p.On(today)
	s := PolicyStatus{MaxSessions: p.MaxSessions, MaxMinutes: p.MaxMinutes}
	for _, e := range p.Exceptions { // by date, as they are issued
		if e.Until >= today && len(s.Exceptions) < shownExceptions {
			e.Windows = append([]Window{}, e.Windows...) // [], never null
			s.Exceptions = append(s.Exceptions, e)
		}
	}
	if year, first, nothing := p.NoWordOfTet(today); nothing && p.Revision > 0 {
		s.TetYear, s.Tet = year, first
	}
	for _, c := range coming {
		if c.From > today {
			s.ComingFrom, s.Coming = c.From, c.Label
			break
		}
	}
	if !p.Capped() && len(s.Exceptions) == 0 && s.TetYear == 0 && s.ComingFrom == "" {
		return nil
	}
	return &s
}
