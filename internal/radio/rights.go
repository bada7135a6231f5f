package radio

import (
	"maps"
	"slices"
)

// Role is what a person may do in an area and everything below it (design §1). The
// same role on the province makes a person of the culture department (Sở VHTTDL), on a
// commune one of its Phòng Văn hóa - Xã hội. A person may hold several: one user,
// several communes.
type Role string

const (
	RoleEditor   Role = "editor"   // biên tập viên: makes bulletins, schedules and campaigns
	RoleApprover Role = "approver" // người duyệt: decides about them and puts them on the air
	RoleOperator Role = "operator" // cán bộ vận hành: watches and runs the loudspeakers
	RoleProvider Role = "provider" // cộng tác viên, đơn vị cung cấp nội dung: own bulletins only
	RoleViewer   Role = "viewer"   // lãnh đạo, thanh tra: reads everything, changes nothing
	RoleAdmin    Role = "admin"    // quản trị: people, devices, areas; no say in content
)

// Roles lists every role in the order screens show them.
func Roles() []Role {
	return []Role{RoleEditor, RoleApprover, RoleOperator, RoleProvider, RoleViewer, RoleAdmin}
}

// Valid says whether r is one of the roles.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// Everywhere, in place of an area's id, grants a role in the whole province. The first
// accounts are made before there is any area.
const Everywhere AreaID = "*"

// Grant gives a person a role in an area and everything below it, or Everywhere.
type Grant struct {
	Role Role   `json:"role"`
	Area AreaID `json:"area"`
}

// Action is one thing that can be done at the centre.
type Action string

const (
	ReadBulletins    Action = "bulletins.read"
	WriteBulletins   Action = "bulletins.write"  // upload, edit and submit own drafts
	DecideBulletins  Action = "bulletins.decide" // approve, reject, withdraw
	ReadSchedules    Action = "schedules.read"
	WriteSchedules   Action = "schedules.write"   // drafts
	PublishSchedules Action = "schedules.publish" // put on the air, withdraw
	// DecideOffers is to answer what comes to the commune from above, and to say what counts
	// while nobody answers; it takes a role in the commune itself (see MayDecide).
	DecideOffers   Action = "offers.decide"
	ReadCampaigns  Action = "campaigns.read"
	WriteCampaigns Action = "campaigns.write"
	ReadDevices    Action = "devices.read"
	WriteDevices   Action = "devices.write" // add clusters, set them up, hand out enrolment codes, take identities
	ReadLog        Action = "log.read"
	CloseLog       Action = "log.close" // sign a month as it is known now, for good
	ReadPeople     Action = "people.read"
	WritePeople    Action = "people.write" // invite, grant, reset, disable
	ReadAudit      Action = "audit.read"
	ReadAlerts     Action = "alerts.read"
	WriteAlerts    Action = "alerts.write" // compose, change and drop what nobody has sent
	// SignAlerts is to send and to cancel: it takes a key of the keyring and its password,
	// and is a person's own doing, never a program's.
	SignAlerts Action = "alerts.sign"
	// WriteContacts is whom to call in a hamlet whose loudspeakers are silent.
	WriteContacts Action = "contacts.write"
	// ControlDevices is to order one or many clusters: volume, stop, test tone (điều khiển
	// từ xa).
	ControlDevices Action = "devices.control"
	// Self is what everybody signed in may do, without any role too: own password,
	// language, tokens.
	Self Action = "self"
)

// allowed is the table of rights: which roles may do what.
var allowed = map[Action][]Role{
	ReadBulletins:    {RoleEditor, RoleApprover, RoleOperator, RoleProvider, RoleViewer, RoleAdmin},
	WriteBulletins:   {RoleEditor, RoleProvider},
	DecideBulletins:  {RoleApprover},
	ReadSchedules:    {RoleEditor, RoleApprover, RoleOperator, RoleProvider, RoleViewer, RoleAdmin},
	WriteSchedules:   {RoleEditor},
	PublishSchedules: {RoleApprover},
	DecideOffers:     {RoleEditor, RoleApprover},
	ReadCampaigns:    {RoleEditor, RoleApprover, RoleOperator, RoleProvider, RoleViewer, RoleAdmin},
	WriteCampaigns:   {RoleEditor},
	ReadDevices:      {RoleEditor, RoleApprover, RoleOperator, RoleViewer, RoleAdmin},
	WriteDevices:     {RoleAdmin},
	CloseLog:         {RoleApprover},
	ReadLog:          {RoleEditor, RoleApprover, RoleOperator, RoleProvider, RoleViewer, RoleAdmin},
	ReadPeople:       {RoleAdmin},
	WritePeople:      {RoleAdmin},
	ReadAudit:        {RoleViewer, RoleAdmin},
	// Whoever is on duty may compose (trực ban: editor or operator, at night often one
	// person); it sounds only when approvers (lãnh đạo) have signed.
	ReadAlerts:    {RoleEditor, RoleApprover, RoleOperator, RoleViewer, RoleAdmin},
	WriteAlerts:   {RoleEditor, RoleApprover, RoleOperator},
	SignAlerts:    {RoleApprover},
	WriteContacts: {RoleOperator, RoleAdmin},
	// Operators run the loudspeakers (cán bộ vận hành). Approvers put sound on the air and
	// answer for it, so they must be able to silence it, at night and alone. Editors make
	// content and admins machines; neither decides what residents hear now.
	ControlDevices: {RoleApprover, RoleOperator},
	Self:           {RoleEditor, RoleApprover, RoleOperator, RoleProvider, RoleViewer, RoleAdmin},
}

// Actions lists every action of the table.
func Actions() []Action {
	out := make([]Action, 0, len(allowed))
	for a := range allowed {
		out = append(out, a)
	}
	slices.Sort(out)
	return out
}

// May says whether the role has the right.
func (r Role) May(a Action) bool { return slices.Contains(allowed[a], r) }

// May says whether the person may do a to a thing. chain is the thing's place in the
// area tree, the province first: a grant reaches its area and all below.
func (p Person) May(a Action, chain ...AreaID) bool {
	if a == Self {
		return p.Token == ""
	}
	return p.Token.allows(a) && slices.ContainsFunc(p.Grants, func(g Grant) bool {
		return g.Role.May(a) && (g.Area == Everywhere || slices.Contains(chain, g.Area))
	})
}

// MaySomewhere says whether the person may do a in any area at all.
func (p Person) MaySomewhere(a Action) bool {
	return a == Self && p.May(Self) || len(p.Where(a)) > 0
}

// Where lists the areas in which (and below which) the person may do a.
func (p Person) Where(a Action) []AreaID {
	var out []AreaID
	for _, g := range p.Grants {
		if g.Role.May(a) && p.Token.allows(a) && !slices.Contains(out, g.Area) {
			out = append(out, g.Area)
		}
	}
	return out
}

// MayRead says whether the person may see a thing that is finished (approved, on the
// air): what is in their areas, and what the province made for all of them.
func (p Person) MayRead(a Action, chain ...AreaID) bool {
	return p.May(a, chain...) || len(chain) == 1 && p.MaySomewhere(a)
}

// AreaTree answers where an area stands. It is a snapshot.
type AreaTree struct {
	byID map[AreaID]Area
}

// NewAreaTree indexes the areas.
func NewAreaTree(areas []Area) AreaTree {
	t := AreaTree{byID: make(map[AreaID]Area, len(areas))}
	for _, a := range areas {
		t.byID[a.ID] = a
	}
	return t
}

// Area finds one; ok is false when it is unknown.
func (t AreaTree) Area(id AreaID) (a Area, ok bool) {
	a, ok = t.byID[id]
	return a, ok
}

// All lists every area, in no order.
func (t AreaTree) All() []Area { return slices.Collect(maps.Values(t.byID)) }

// Chain gives the ids from the province down to the area itself; nil when unknown.
func (t AreaTree) Chain(id AreaID) []AreaID {
	var out []AreaID
	for a, ok := t.byID[id]; ok && len(out) <= maxAreaDepth; a, ok = t.byID[a.Parent] {
		out = append(out, a.ID)
	}
	slices.Reverse(out)
	return out
}

// Root is the chain of the province itself; nil when there is none.
func (t AreaTree) Root() []AreaID {
	for _, a := range t.byID {
		if a.Kind == Province {
			return []AreaID{a.ID}
		}
	}
	return nil
}

// Communes lists the ids of the communes within the areas, sorted. A right in a hamlet
// does not reach its commune.
func (t AreaTree) Communes(within []AreaID) []AreaID {
	var out []AreaID
	for _, a := range t.byID {
		if a.Kind != Commune {
			continue
		}
		for _, w := range within {
			if w == Everywhere || slices.Contains(t.Chain(a.ID), w) {
				out = append(out, a.ID)
				break
			}
		}
	}
	slices.Sort(out)
	return out
}
