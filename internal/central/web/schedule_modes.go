package web

import (
	"fmt"
	"strings"

	"loaxa/internal/radio"
)

// slotEnds tells when each start of a slot is over: "05:00–05:12:30, 17:00–17:12:30",
// on the cluster where it sounds the longest.
func slotEnds(f radio.FormSlot, seconds map[string]float64) string {
	length, ok := f.Length(func(code string) float64 { return seconds[code] })
	if !ok {
		return ""
	}
	starts, ends := f.Starts(), f.EndsAfter(length)
	out := make([]string, len(starts))
	for i, t := range starts {
		out[i] = fmt.Sprintf("%s–%s", t, ends[i])
	}
	return strings.Join(out, ", ")
}

// variantPlace writes the place of a variant as people type it.
func variantPlace(v radio.FormVariant) string {
	if v.Device != "" {
		return "cụm:" + v.Device
	}
	return v.Area
}

// place names an area, or after "cụm:" a device, by its code.
func (l labels) place(code string) string {
	if device, ok := strings.CutPrefix(code, "cụm:"); ok {
		return l.of("device", strings.TrimSpace(device))
	}
	return l.of("area", code)
}

// variantEdits adds to the rows of a form what they mean.
func (l labels) variantEdits(vs []variantEdit) []variantEdit {
	out := make([]variantEdit, len(vs))
	for i, v := range vs {
		out[i] = v
		out[i].Title = l.names["bulletin "+v.Bulletin]
		if name := l.place(v.Place); name != v.Place {
			out[i].Where = name
		}
	}
	return out
}

// variantRow is what one place plays in place of an item, in words.
type variantRow struct{ Where, Title string }

func (l labels) variantRows(vs []radio.FormVariant) []variantRow {
	out := make([]variantRow, len(vs))
	for i, v := range vs {
		out[i] = variantRow{l.place(variantPlace(v)), l.of("bulletin", v.Bulletin)}
	}
	return out
}

// Typed is the choice as people type it for a variant.
func (c targetChoice) Typed() string {
	kind, code, _ := strings.Cut(c.Value, " ")
	if kind == "device" {
		return "cụm:" + code
	}
	return code
}

// variants makes of the rows what the desk asks for; rows that were not filled in are left
// out.
func (e itemEdit) variants(bad *radio.Invalid, place string) (out []radio.FormVariant) {
	for k, v := range e.Variants {
		if v.Place == "" && v.Bulletin == "" {
			continue
		}
		target := radio.FormTarget{Area: v.Place}
		if code, ok := strings.CutPrefix(v.Place, "cụm:"); ok {
			target = radio.FormTarget{Device: strings.TrimSpace(code)}
		}
		if v.Place == "" {
			bad.Add(fmt.Sprintf("%s.variants[%d]", place, k), "hãy chọn nơi phát bản này", "choose where this one plays")
		}
		out = append(out, radio.FormVariant{FormTarget: target, Bulletin: v.Bulletin})
	}
	return out
}
