package status

import (
	"fmt"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// ruleLines tell of the policy what its label does not say.
func ruleLines(s *radio.PolicyStatus) []string {
	if s == nil {
		return nil
	}
	var out []string
	if s.MaxSessions > 0 {
		out = append(out, fmt.Sprintf("tối đa %d phiên một ngày, hôm nay đã có %d", s.MaxSessions, s.Sessions))
	}
	if s.MaxMinutes > 0 {
		out = append(out, fmt.Sprintf("tối đa %d phút một ngày, hôm nay đã phát %s", s.MaxMinutes, length(s.Samples)))
	}
	for _, e := range s.Exceptions {
		days := dayOf(e.From)
		if e.Until != e.From {
			days += "–" + dayOf(e.Until)
		}
		var hours []string
		for _, w := range e.Windows {
			hours = append(hours, w.From.String()+"–"+w.To.String())
		}
		if len(hours) == 0 {
			hours = []string{"không phát"}
		}
		out = append(out, fmt.Sprintf("%s (%s): %s", e.Label, days, strings.Join(hours, ", ")))
	}
	if s.ComingFrom != "" {
		out = append(out, fmt.Sprintf("từ %s theo quy chế mới: %s", dayOf(s.ComingFrom), s.Coming))
	}
	if s.TetYear > 0 {
		out = append(out, fmt.Sprintf("CHÚ Ý: không nói gì về Tết %d (mùng 1: %s), sẽ phát như ngày thường", s.TetYear, dayOf(s.Tet)))
	}
	return out
}

// dayOf writes a date as people do.
func dayOf(d radio.Date) string {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return string(d)
	}
	return t.Format("02/01/2006")
}
