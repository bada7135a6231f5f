package radio

// LogDay is the totals of one commune on one local day.
type LogDay struct {
	Day         Date   `json:"day"`
	Commune     AreaID `json:"commune"`
	CommuneName string `json:"commune_name"`
	LogTotals
}

// LogCount is how many rows of one day and commune have one outcome. Sums that are not
// by day, commune or slot leave these empty.
type LogCount struct {
	Day         Date
	Commune     AreaID
	CommuneName string
	Slot        TimeOfDay
	Planned     bool
	Outcome     Outcome
	Rows        int64
}

// LogMatrix is one local day of the log: communes against the times of their slots.
type LogMatrix struct {
	Day   Date        `json:"day"`
	Slots []TimeOfDay `json:"slots"` // times at which something was planned, in order
	// Rows are the communes, by name.
	Rows []LogMatrixRow `json:"communes"`
	// Sums are of each of Slots over all communes.
	Sums []LogTotals `json:"sums"`
	// Totals are of the whole day; also of what was not planned.
	Totals LogTotals `json:"totals"`
}

// LogMatrixRow is one commune of a day.
type LogMatrixRow struct {
	Commune     AreaID      `json:"commune"`
	CommuneName string      `json:"commune_name"`
	Cells       []LogTotals `json:"cells"` // one for each of Slots
	Totals      LogTotals   `json:"totals"`
}

// CampaignProgress is planned against aired of one campaign.
type CampaignProgress struct {
	Campaign CampaignID        `json:"campaign"`
	Totals   LogTotals         `json:"totals"`
	Communes []CampaignCommune `json:"communes"` // by name
	Months   []CampaignMonth   `json:"months"`   // in order, over all communes
}

// CampaignCommune is a campaign in one commune.
type CampaignCommune struct {
	Commune     AreaID          `json:"commune"`
	CommuneName string          `json:"commune_name"`
	Totals      LogTotals       `json:"totals"`
	Months      []CampaignMonth `json:"months"` // in order
}

// CampaignMonth is a campaign in one local month, "2026-12".
type CampaignMonth struct {
	Month  string    `json:"month"`
	Totals LogTotals `json:"totals"`
}

// BulletinReport is what became of one bulletin, with the places that lack it.
type BulletinReport struct {
	Bulletin BulletinID `json:"bulletin"`
	From     Date       `json:"from,omitempty"`
	To       Date       `json:"to,omitempty"`
	Totals   LogTotals  `json:"totals"`
	// Communes are by name.
	Communes []LogCommune `json:"communes"`
	// Missing are the airings that ended otherwise than aired, newest first; More says
	// that there are more of them. Pending ones are counted in Totals only.
	Missing []LogRow `json:"missing"`
	More    bool     `json:"more,omitempty"`
}

// LogCommune is the totals of one commune.
type LogCommune struct {
	Commune     AreaID `json:"commune"`
	CommuneName string `json:"commune_name"`
	LogTotals
}

// LogProof says where a word of a device stands in its journal, and whether the centre
// holds the signature of the batch that brought it.
type LogProof struct {
	Journal JournalID `json:"journal"`
	Seq     uint64    `json:"seq"`
	Held    bool      `json:"held"`
	First   uint64    `json:"first,omitempty"`
	Last    uint64    `json:"last,omitempty"`
}

// LogChoices are the times, campaigns and bulletins that stand in the log on one day.
type LogChoices struct {
	Slots     []TimeOfDay // of planned airings
	Campaigns []CampaignID
	Bulletins []BulletinID
}

// Aired counts the planned airings that aired.
func (t LogTotals) Aired() int64 { return t.Outcomes[Aired] }

// Pending counts the planned airings without any word yet.
func (t LogTotals) Pending() int64 { return t.Outcomes[PendingOutcome] }
