package library

// PeakCount is how many bars a waveform has, however long the sound.
const PeakCount = 400

// waveform keeps the highest absolute sample of each of PeakCount equal parts of a
// sound whose length is known.
type waveform struct {
	samples int64
	highest [PeakCount]int32
}

// see takes samples that begin at position at; what lies outside is not looked at.
func (w *waveform) see(at int64, pcm []int16) {
	for i, s := range pcm {
		k := at + int64(i)
		if k < 0 || k >= w.samples {
			continue
		}
		bar := &w.highest[k*PeakCount/w.samples]
		*bar = max(*bar, max(int32(s), -int32(s)))
	}
}

// peaks gives the bars, 255 for full scale.
func (w *waveform) peaks() []byte {
	bars := make([]byte, PeakCount)
	for i, v := range w.highest {
		bars[i] = byte(min((v*255+16384)/32768, 255))
	}
	return bars
}
