package library

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"loaxa/internal/radio"
)

// maxCodes bounds the search for a free code.
const maxCodes = 100

// freeCode makes a code of a title: "Nghị quyết 57" becomes nghi-quyet-57, a second one
// nghi-quyet-57-2.
func (d *Desk) freeCode(ctx context.Context, title string) (string, error) {
	stem := codeOf(title)
	for n := 1; n <= maxCodes; n++ {
		code := stem
		if n > 1 {
			code = fmt.Sprintf("%s-%d", stem, n)
		}
		_, err := d.shelf.BulletinByCode(ctx, code)
		switch {
		case errors.Is(err, radio.ErrNotFound):
			return code, nil
		case err != nil:
			return "", err
		}
	}
	return "", fmt.Errorf("%w: %d bulletins are called %s: give a code", radio.ErrConflict, maxCodes, stem)
}

// codeOf keeps letters and digits of a title, with a hyphen between words.
func codeOf(title string) string {
	words := strings.FieldsFunc(radio.Fold(title), func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9') })
	code := ""
	for _, w := range words {
		if len(code)+1+len(w) > 48 {
			break
		}
		code = strings.TrimPrefix(code+"-"+w, "-")
	}
	if code == "" && len(words) > 0 {
		code = words[0][:48] // one endless word
	}
	if code == "" {
		return "tin"
	}
	return code
}
