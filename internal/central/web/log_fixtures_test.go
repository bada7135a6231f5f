package web

import (
	"slices"

	"loaxa/internal/radio"
)

func logFixtures() []fixture {
	return []fixture{
		{pattern: "GET /log", may: radio.ReadLog},
		{pattern: "GET /log/days", may: radio.ReadLog},
		{pattern: "GET /log/bulletin/{id}", may: radio.ReadLog, thing: bulletinInLog},
		{pattern: "GET /log/{device}/{airing}", may: radio.ReadLog, thing: airingThing},
		{pattern: "GET /log.csv", may: radio.ReadLog},
		{pattern: "GET /log.xlsx", may: radio.ReadLog},
		{pattern: "GET /api/v1/log", may: radio.ReadLog},
		{pattern: "GET /api/v1/log/totals", may: radio.ReadLog},
		{pattern: "GET /api/v1/log/days", may: radio.ReadLog},
		{pattern: "GET /api/v1/log/bulletin/{id}", may: radio.ReadLog, thing: bulletinInLog},
		{pattern: "GET /api/v1/log/{device}/{airing}", may: radio.ReadLog, thing: airingThing},
		{pattern: "GET /api/v1/log.csv", may: radio.ReadLog},
		{pattern: "GET /api/v1/log.xlsx", may: radio.ReadLog},
	}
}

// bulletinInLog is a bulletin that aired in one commune only.
func bulletinInLog(h *house, w where) []string {
	if w == common {
		return nil
	}
	b := id[radio.BulletinID]('o', len(string(w)))
	if !slices.ContainsFunc(h.log.rows, func(a radio.AsRun) bool { return a.Bulletin == b }) {
		i := slices.IndexFunc(h.log.rows, func(a radio.AsRun) bool { return a.Commune == h.area(w) && a.Planned() })
		row := h.log.rows[i]
		row.Airing, row.Bulletin = id[radio.AiringID]('o', len(string(w))), b
		h.log.rows = append(h.log.rows, row)
	}
	return []string{"id", string(b)}
}
