package radio

import "slices"

// BulletinView is which bulletins a person may see, as MaySee decides one by one, for
// lists to be narrowed by.
type BulletinView struct {
	Reader     UserID
	Everything bool     // in the whole province
	Own        []AreaID // of these, what the reader made
	Desks      []AreaID // of these, whatever the state
	Finished   []AreaID // of these, what is approved or withdrawn
}

// BulletinView narrows lists for the person.
func (p Person) BulletinView(tree AreaTree) BulletinView {
	v := BulletinView{Reader: p.ID}
	desks := p.DeskAreas()
	if slices.Contains(desks, Everywhere) {
		v.Everything = true
		return v
	}
	for id := range tree.byID {
		chain := tree.Chain(id)
		if slices.ContainsFunc(desks, func(d AreaID) bool { return slices.Contains(chain, d) }) {
			v.Desks = append(v.Desks, id)
			continue // all of it
		}
		if p.MayRead(ReadBulletins, chain...) {
			v.Finished = append(v.Finished, id)
		}
		if p.May(ReadBulletins, chain...) {
			v.Own = append(v.Own, id)
		}
	}
	slices.Sort(v.Own)
	slices.Sort(v.Desks)
	slices.Sort(v.Finished)
	return v
}

// BulletinFilter picks bulletins of a list; zero fields pick all.
type BulletinFilter struct {
	State    BulletinState
	Field    Field
	Campaign CampaignID
	Area     AreaID
	Author   UserID // who made the version
	// Text is searched without regard to case and diacritics; every word must be found.
	Text string
}

// BulletinCursor is the place in a list behind which the next page begins; the zero
// cursor is the beginning. Lists show what waits for a decision first, then the newest.
type BulletinCursor struct {
	Later     bool // behind all that waits for a decision
	CreatedAt Millis
	ID        BulletinID
}

// Cursor is the place behind this bulletin.
func (b Bulletin) Cursor() BulletinCursor {
	return BulletinCursor{Later: b.State != Pending, CreatedAt: b.CreatedAt, ID: b.ID}
}

// SearchText is what a bulletin is found by.
func (b Bulletin) SearchText() string {
	return Fold(b.Code + "\n" + b.Title + "\n" + b.Summary + "\n" + b.Author + "\n" + b.PenName + "\n" + b.Unit)
}

// BulletinMove is one step of one version, as it is written: From must still stand as
// it was read, or somebody else came first (ErrConflict).
type BulletinMove struct {
	Step     BulletinStep
	From, To Bulletin
	By       UserID
	At       Millis
	Why      string
}

// Signs says whether To carries a signature that belongs to the step.
func (m BulletinMove) Signs() bool { return m.Step == StepApprove || m.Step == StepReapprove }

// BulletinEvent is one line of a bulletin's history.
type BulletinEvent struct {
	At      Millis       `json:"at"`
	By      UserID       `json:"by"`
	Name    string       `json:"name"` // of the person, "" when the account is unknown
	Step    BulletinStep `json:"step"` // also "add": the making of a version
	Version int          `json:"version"`
	// Fields are the words that an edit changed.
	Fields []string `json:"fields,omitempty"`
	// Detail is the reason of a decision, or the file that brought a version.
	Detail string `json:"detail,omitempty"`
}

// BulletinHolder is a device whose programmes played a bulletin version.
type BulletinHolder struct {
	Device DeviceID
	// Last is the newest revision of its programme that plays it, Current the newest of all.
	Last, Current int64
}

// BulletinDevice is one device that does not stand as it should with a bulletin version.
type BulletinDevice struct {
	Device   DeviceID `json:"device"`
	Name     string   `json:"name"`
	Commune  string   `json:"commune"`
	LastSeen Millis   `json:"last_seen,omitempty"` // 0: never heard of
	Alive    bool     `json:"alive"`
}

// BulletinReach says which devices follow what was decided about a version: of an
// approved one, who has its audio; of a withdrawn one, who no longer plays it.
type BulletinReach struct {
	Synced  int              `json:"synced"`
	Waiting []BulletinDevice `json:"waiting"`
}
