package radio

// ChainKind is what one link of an explanation is about.
type ChainKind string

// Kinds of links, in the order of the chain.
const (
	ChainPlace        ChainKind = "place"        // which commune the cluster stood in
	ChainSchedule     ChainKind = "schedule"     // who wanted it, or why nothing was planned
	ChainBulletin     ChainKind = "bulletin"     // what was to sound, and its approval
	ChainPriority     ChainKind = "priority"     // who outranks whom (design §6)
	ChainDecision     ChainKind = "decision"     // what the commune decided (Thông tư 39)
	ChainPolicy       ChainKind = "policy"       // the permitted hours, caps and volume
	ChainRevision     ChainKind = "revision"     // which programme the device held
	ChainDevice       ChainKind = "device"       // boots, faults, clock, orders
	ChainConfirmation ChainKind = "confirmation" // what was said about it
)

// ChainKinds lists them in the order of the chain.
func ChainKinds() []ChainKind {
	return []ChainKind{ChainPlace, ChainSchedule, ChainBulletin, ChainPriority, ChainDecision, ChainPolicy, ChainRevision, ChainDevice, ChainConfirmation}
}

// ChainVerdict is what a link does to the airing.
type ChainVerdict string

const (
	ChainPasses  ChainVerdict = "passes"  // nothing stands in its way here
	ChainChanges ChainVerdict = "changes" // later, shorter, quieter, or another's turn first
	ChainStops   ChainVerdict = "stops"   // because of this it does not sound, or not all of it
	ChainOpen    ChainVerdict = "open"    // not known, or not known yet
)

// RowSource names a row of the database, or a record of a journal, from which a link is
// read.
type RowSource struct {
	// Row is the kind of row: area, area_change, decision and offer_rule (with the commune as
	// ID and the number of the word as Version), schedule, bulletin, policy, programme, journal, fault,
	// command, alert, airing, word, report, plan, archive (a month of the log).
	Row     string    `json:"row"`
	ID      string    `json:"id,omitempty"`
	Version int64     `json:"version,omitempty"` // or revision, or number of a word
	Journal JournalID `json:"journal,omitempty"`
	Seq     uint64    `json:"seq,omitempty"`
}

// Page is where people can look at it, "" for what has no page.
func (r RowSource) Page() string {
	where := map[string]string{"schedule": "/schedules/", "bulletin": "/bulletins/", "alert": "/alerts/", "command": "/commands/", "decision": "/offers/", "offer_rule": "/offers/"}[r.Row]
	if where == "" || r.ID == "" {
		return ""
	}
	return where + r.ID
}

// ChainLink is one link of an explanation: a sentence and the rows it comes from.
type ChainLink struct {
	Kind    ChainKind    `json:"kind"`
	Verdict ChainVerdict `json:"verdict"`
	At      Millis       `json:"at,omitempty"` // when it happened, where that says something
	VI      string       `json:"text_vi"`
	EN      string       `json:"text_en"`
	Sources []RowSource  `json:"sources"`
}

// ExplainedAiring is one airing, or one slot that came to nothing, with its chain.
type ExplainedAiring struct {
	// Airing is "" for what was left out of the programme.
	Airing  AiringID `json:"airing,omitempty"`
	Title   string   `json:"title"`
	Start   Millis   `json:"start"`
	End     Millis   `json:"end"`
	Origin  Origin   `json:"origin"`
	Outcome Outcome  `json:"outcome,omitempty"` // "" while it is only planned
	Reason  Reason   `json:"reason,omitempty"`
	// VI and EN say in one sentence what became or becomes of it, and why.
	VI    string      `json:"summary_vi"`
	EN    string      `json:"summary_en"`
	Links []ChainLink `json:"links"`
}

// InLog says whether it has a row in the log: what is only planned has none yet.
func (x ExplainedAiring) InLog() bool {
	for _, l := range x.Links {
		for _, s := range l.Sources {
			if s.Row == "airing" && s.ID == string(x.Airing) {
				return true
			}
		}
	}
	return false
}

// NearAiring is the nearest airing before or after an instant at which there is none.
type NearAiring struct {
	Airing  AiringID `json:"airing,omitempty"`
	Title   string   `json:"title"`
	Start   Millis   `json:"start"`
	Outcome Outcome  `json:"outcome,omitempty"`
}

// Explanation tells why a device sounded, sounds or will sound at an instant, or not.
type Explanation struct {
	Device      DeviceID `json:"device"`
	DeviceCode  string   `json:"device_code"`
	DeviceName  string   `json:"device_name"`
	CommuneName string   `json:"commune_name"`
	HamletName  string   `json:"hamlet_name"`
	Zone        string   `json:"zone"`
	At          Millis   `json:"at"`
	Now         Millis   `json:"now"`
	// VI and EN are the answer in short.
	VI      string            `json:"summary_vi"`
	EN      string            `json:"summary_en"`
	Airings []ExplainedAiring `json:"airings"`
	// Links is the chain of the instant itself, where nothing was to sound.
	Links     []ChainLink `json:"links"`
	Before    *NearAiring `json:"before,omitempty"`
	After     *NearAiring `json:"after,omitempty"`
	Diagnosis *Diagnosis  `json:"diagnosis,omitempty"`
}

// SignState is how one thing about a cluster looks from the centre.
type SignState string

const (
	SignFine    SignState = "fine"
	SignBad     SignState = "bad"
	SignUnknown SignState = "unknown"
)

// Sign is one thing that was looked at: link, clock, output.
type Sign struct {
	Name  string    `json:"name"`
	State SignState `json:"state"`
	VI    string    `json:"text_vi"`
	EN    string    `json:"text_en"`
}

// Finding is a rule that fits: what is seen, and what a person should do.
type Finding struct {
	Rule string `json:"rule"`
	VI   string `json:"seen_vi"`
	EN   string `json:"seen_en"`
	// Do is the next step, for whoever is sent to the pole.
	DoVI string `json:"do_vi"`
	DoEN string `json:"do_en"`
}

// Diagnosis is what can be told of a cluster's health without going there.
type Diagnosis struct {
	At Millis `json:"at"`
	// Findings: the likeliest cause first; none when nothing is wrong.
	Findings []Finding `json:"findings"`
	Signs    []Sign    `json:"signs"`
}
