// Package qr draws a text as a QR code: for web as a picture that needs neither script
// nor another request, for commands as lines of a terminal. It is the sole door to the
// library that computes the squares.
package qr

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/boombuler/barcode/qr"

	"loaxa/internal/radio"
)

// Code is a square of dark and light squares.
type Code struct {
	size int
	dark []bool
}

// margin is the light border that readers need, in squares (ISO/IEC 18004: four).
const margin = 4

// Encode computes the squares. Up to 15 % of them may be lost: a card at a pole gets wet.
func Encode(text string) (Code, error) {
	b, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return Code{}, fmt.Errorf("%w: QR code of %d characters: %v", radio.ErrInvalid, len(text), err)
	}
	n := b.Bounds().Dx()
	c := Code{size: n + 2*margin, dark: make([]bool, (n+2*margin)*(n+2*margin))}
	for y := range n {
		for x := range n {
			r, _, _, _ := b.At(b.Bounds().Min.X+x, b.Bounds().Min.Y+y).RGBA()
			c.dark[(y+margin)*c.size+x+margin] = r == 0
		}
	}
	return c, nil
}

// Size is its width in squares, with the border.
func (c Code) Size() int { return c.size }

// Dark says whether a square is dark.
func (c Code) Dark(x, y int) bool { return c.dark[y*c.size+x] }

// Path is what to fill in an SVG picture whose view box is "0 0 Size Size": every run of
// dark squares of a line.
func (c Code) Path() string {
	var b strings.Builder
	for y := range c.size {
		for x := 0; x < c.size; x++ {
			from := x
			for x < c.size && c.Dark(x, y) {
				x++
			}
			if x > from {
				n := strconv.Itoa(x - from)
				b.WriteString("M" + strconv.Itoa(from) + " " + strconv.Itoa(y) + "h" + n + "v1h-" + n + "z")
			}
		}
	}
	return b.String()
}

// Terminal draws it with two squares a character, black on white whatever the colours of
// the terminal are: many readers do not read it inverted.
func (c Code) Terminal() string {
	var b strings.Builder
	for y := 0; y < c.size; y += 2 {
		b.WriteString("\x1b[30;107m")
		for x := range c.size {
			upper, lower := c.Dark(x, y), y+1 < c.size && c.Dark(x, y+1)
			switch {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String()
}
