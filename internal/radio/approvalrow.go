package radio

// ApprovalRow is an approver's signature over one bulletin version, as the centre keeps
// it. KID, Person and Area say what the signature's header says, for people to read;
// whether it holds is proven with the keyring of the moment.
type ApprovalRow struct {
	KID    string
	Person UserID
	Area   AreaID // where it may sound: the bulletin's desk
	SignedApproval
}

// Audio describes the version as programmes carry it. It is what its approver signs, and
// what a device holds the signature against: there is no second list of the renditions.
func (b Bulletin) Audio() ProgrammeAudio {
	return ProgrammeAudio{
		Bulletin: b.ID, Version: b.Version, Title: b.Title, Renditions: append([]Rendition(nil), b.Renditions...),
		GainDB: b.ItemGain(), ValidFrom: b.ValidFrom, ValidUntil: b.ValidUntil,
	}
}

// Signable says how a bulletin version stands towards an approver's signature.
type Signable struct {
	// Again: it is approved, and nobody's signature holds: it does not sound.
	Again bool
	// Why in the words of the proof, for programs and logs.
	Why string
	// Key: the person asked about holds a key with which to approve it.
	Key bool
}
