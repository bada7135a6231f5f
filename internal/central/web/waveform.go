package web

import (
	"strconv"
	"strings"
)

// wave is a waveform as an SVG path in a box of waveWidth by waveHeight: a bar for each
// peak, around the middle.
const (
	waveWidth  = 400
	waveHeight = 64
)

func wave(peaks []byte) string {
	if len(peaks) == 0 {
		return ""
	}
	var b strings.Builder
	for i, p := range peaks {
		x := (2*i + 1) * waveWidth / (2 * len(peaks))
		half := max(int(p)*(waveHeight/2)/255, 1) // silence is a line, not a hole
		b.WriteString("M" + strconv.Itoa(x) + " " + strconv.Itoa(waveHeight/2-half) + "v" + strconv.Itoa(2*half))
	}
	return b.String()
}
