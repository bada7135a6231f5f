package web

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"loaxa/internal/radio"
)

// areaOf finds the area chain, the province first, of the thing an address names.
type areaOf func(r *http.Request) ([]radio.AreaID, error)

// errHidden: the thing exists, but not for this person; they are told no more than a
// stranger would be.
func errHidden(what string) error { return notFound(what) }

// areaCache holds the tree for a moment: areas change a few times a year.
type areaCache struct {
	mu   sync.Mutex
	tree radio.AreaTree
	at   time.Time
}

const areaTreeLife = 2 * time.Second

// tree is the area tree as of now, or of two seconds ago.
func (s *Server) tree(r *http.Request) (radio.AreaTree, error) {
	s.areas.mu.Lock()
	defer s.areas.mu.Unlock()
	now := s.Now()
	if age := now.Sub(s.areas.at); !s.areas.at.IsZero() && age >= 0 && age < areaTreeLife {
		return s.areas.tree, nil
	}
	all, err := s.Plan.Areas(r.Context())
	if err != nil {
		return radio.AreaTree{}, err
	}
	s.areas.tree, s.areas.at = radio.NewAreaTree(all), now
	return s.areas.tree, nil
}

// communesOf lists the communes in which the person may do a, sorted; nil means the
// whole province, an empty list none.
func (s *Server) communesOf(r *http.Request, a radio.Action) ([]radio.AreaID, error) {
	where := who(r).Where(a)
	if slices.Contains(where, radio.Everywhere) {
		return nil, nil
	}
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	for _, w := range where {
		if area, ok := tree.Area(w); ok && area.Kind == radio.Province {
			return nil, nil
		}
	}
	return append([]radio.AreaID{}, tree.Communes(where)...), nil
}

// readCommunes lists the communes whose schedules the reader may see, by name. One that
// was merged is left out where they may see the commune of today.
func (s *Server) readCommunes(r *http.Request) ([]radio.Area, error) {
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	mine, err := s.communesOf(r, radio.ReadSchedules)
	if err != nil {
		return nil, err
	}
	reads := func(id radio.AreaID) bool { return mine == nil || slices.Contains(mine, id) }
	return areasByName(slices.DeleteFunc(tree.All(), func(a radio.Area) bool {
		now, _ := tree.LiveCommune(a.ID)
		return a.Kind != radio.Commune || !reads(a.ID) || now.ID != a.ID && reads(now.ID)
	})), nil
}

// allow refuses an action in an area that came in a form or a body.
func (s *Server) allow(r *http.Request, a radio.Action, area radio.AreaID) error {
	tree, err := s.tree(r)
	if err != nil {
		return err
	}
	chain := tree.Chain(area)
	if len(chain) == 0 || !who(r).May(a, chain...) {
		return told{fmt.Errorf("%w: no right to %s there", radio.ErrForbidden, a), "Tài khoản không có quyền này ở địa bàn đó."}
	}
	return nil
}

// reads names the reading right of an action's resource: bulletins.write → bulletins.read.
func reads(a radio.Action) radio.Action {
	for _, pair := range []struct {
		read  radio.Action
		among []radio.Action
	}{
		{radio.ReadBulletins, []radio.Action{radio.ReadBulletins, radio.WriteBulletins, radio.DecideBulletins}},
		{radio.ReadSchedules, []radio.Action{radio.ReadSchedules, radio.WriteSchedules, radio.PublishSchedules, radio.DecideOffers}},
		{radio.ReadCampaigns, []radio.Action{radio.ReadCampaigns, radio.WriteCampaigns}},
		{radio.ReadDevices, []radio.Action{radio.ReadDevices, radio.WriteDevices, radio.ControlDevices}},
		{radio.ReadAlerts, []radio.Action{radio.ReadAlerts, radio.WriteAlerts, radio.SignAlerts, radio.WriteContacts}},
		{radio.ReadLog, []radio.Action{radio.ReadLog, radio.CloseLog}},
		{radio.ReadPeople, []radio.Action{radio.ReadPeople, radio.WritePeople}},
	} {
		if slices.Contains(pair.among, a) {
			return pair.read
		}
	}
	return a
}

// noRole: an account whose roles were taken away, or that never had one.
func noRole() error {
	return told{fmt.Errorf("%w: the account has no role yet", radio.ErrForbidden), "Tài khoản chưa được giao vai trò nào. Hãy liên hệ người quản trị của Sở hoặc của xã, phường."}
}

// admit is the gate of one route for a signed-in person: first whether they have the
// right anywhere, then whether they have it where the thing stands. What they cannot
// even read does not exist for them.
func admit(route route, r *http.Request) error {
	p := who(r)
	if route.may == radio.Self {
		if p.Token != "" && !route.program {
			return told{fmt.Errorf("%w: not by an API token", radio.ErrForbidden), "Việc này không làm được bằng mã API."}
		}
		return nil
	}
	if len(p.Grants) == 0 {
		return noRole()
	}
	if p.Token != "" && (route.may == radio.WritePeople || route.may == radio.SignAlerts || route.person) {
		// Else a token could make an account that outlives it, or listen in a person's place;
		// and no program signs.
		return told{fmt.Errorf("%w: not by an API token", radio.ErrForbidden), "Việc này không làm được bằng mã API."}
	}
	refused := told{fmt.Errorf("%w: the account has no right to %s", radio.ErrForbidden, route.may), "Tài khoản không có quyền này."}
	if p.Token == radio.TokenReads && route.may != reads(route.may) {
		refused = told{fmt.Errorf("%w: this API token only reads; to change anything it takes one that writes", radio.ErrForbidden), "Mã API này chỉ được đọc. Muốn thay đổi dữ liệu, hãy dùng mã API có quyền ghi."}
	}
	if !p.MaySomewhere(route.may) && !p.MaySomewhere(reads(route.may)) {
		return refused
	}
	if route.of == nil {
		if !p.MaySomewhere(route.may) {
			return refused
		}
		return nil
	}
	chain, err := route.of(r)
	if err != nil {
		return err
	}
	read := reads(route.may)
	switch {
	case !p.MayRead(read, chain...):
		return errHidden("address " + r.URL.Path)
	case route.may != read && !p.May(route.may, chain...):
		return refused
	}
	return nil
}

// ofDevice is the place of the device in the address.
func (s *Server) ofDevice(r *http.Request) ([]radio.AreaID, error) {
	id := radio.DeviceID(r.PathValue("device"))
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		if p.Device.ID == id {
			return chainIDs(p.Chain), nil
		}
	}
	return nil, notFound("device")
}

func chainIDs(chain []radio.Area) []radio.AreaID {
	out := make([]radio.AreaID, len(chain))
	for i, a := range chain {
		out[i] = a.ID
	}
	return out
}

// provinceChain is the place of what belongs to the whole province.
func (s *Server) provinceChain(r *http.Request) ([]radio.AreaID, error) {
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	return tree.Root(), nil
}
