package radio

import "math"

// How loud the house is (design §4).
const (
	// TargetLUFS is the loudness of every bulletin, give or take LoudnessWindow.
	TargetLUFS     = -16.0
	LoudnessWindow = 1.0
	// PeakLimitDBTP is the true peak nobody may pass.
	PeakLimitDBTP = -1.0
	// LeastItemGainDB and MostItemGainDB bound what a programme may ask of an item.
	LeastItemGainDB = -24.0
	MostItemGainDB  = 12.0
)

// ItemGain is the gain in dB, in steps of a tenth, that brings this version to the
// house's loudness where intake could not: audio that was taken as it came. What is at
// the target within LoudnessWindow and under the peak limit gets none.
//
// The measures are those of the first rendition. A louder item is only made of a version
// that has no other: of the second one nobody has kept how high its peaks are.
func (b Bulletin) ItemGain() float64 {
	if b.LUFS == 0 || math.IsNaN(b.LUFS+b.TruePeak) || math.IsInf(b.LUFS+b.TruePeak, 0) {
		return 0 // never measured
	}
	gain := TargetLUFS - b.LUFS
	if math.Abs(gain) <= LoudnessWindow || gain > 0 && len(b.Renditions) != 1 {
		gain = 0
	}
	gain = min(gain, PeakLimitDBTP-b.TruePeak)
	gain = math.Floor(gain*10+1e-6) / 10 // downwards: the peak outranks the loudness
	return min(max(gain, LeastItemGainDB), MostItemGainDB)
}
