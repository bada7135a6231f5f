// Package alphabet puts names in the order of the Vietnamese alphabet, as a dictionary
// does: syllable by syllable, first the letters (a ă â b c d đ e ê … o ô ơ … u ư … y), then
// the tone (ngang, huyền, hỏi, ngã, sắc, nặng). Numbers stand before letters and count by
// value, so that "Thôn 2" comes before "Thôn 10". Capitals, punctuation, the school of tone
// marks (which vowel of "òa" carries it) and accents of other languages make no difference
// but between names that are otherwise the same.
//
// Whoever shows people a list of names takes it from here. The database sorts by codes and
// instants only: its two engines would each have an order of their own.
package alphabet

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// letters in their order, with the foreign ones where Latin has them.
const letters = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"

// Bytes of a key, in the order in which they part names.
const (
	number   = 0x02 // begins a number, its length and digits follow
	syllable = 0x03 // begins a syllable, its letters follow
	over     = 0x01 // ends the letters of a syllable; its tone follows
	first    = 0x10 // letters[0]
	foreign  = 0xf0 // before a letter of another script
)

// weights are the places of the letters; tones those of the marks that are one.
var (
	weights = func() map[rune]byte {
		m := map[rune]byte{'ð': 0}
		n := byte(first)
		for _, r := range letters {
			m[r] = n
			n++
		}
		m['ð'] = m['đ'] // Icelandic eth, which some keyboards give for Đ
		return m
	}()
	tones  = map[rune]byte{0x300: 2, 0x309: 3, 0x303: 4, 0x301: 5, 0x323: 6}
	shapes = map[rune]map[rune]rune{
		0x306: {'a': 'ă'},
		0x302: {'a': 'â', 'e': 'ê', 'o': 'ô'},
		0x31b: {'o': 'ơ', 'u': 'ư'},
	}
)

// Key gives bytes whose order is that of the names, so that a long list is read once. Equal
// keys do not mean equal names.
func Key(name string) string {
	k := make([]byte, 0, 2*len(name))
	rs := []rune(norm.NFD.String(strings.ToLower(name)))
	for i := 0; i < len(rs); {
		switch {
		case rs[i] >= '0' && rs[i] <= '9':
			end := i
			for end < len(rs) && rs[end] >= '0' && rs[end] <= '9' {
				end++
			}
			digits := strings.TrimLeft(string(rs[i:end]), "0")
			n := min(len(digits), 1<<16-1)
			k = append(k, number, byte(n>>8), byte(n))
			k = append(k, digits...)
			i = end
		case unicode.IsLetter(rs[i]):
			k, i = word(k, rs, i)
		default:
			i++
		}
	}
	return string(k)
}

// word adds the syllable that begins at rs[i].
func word(k []byte, rs []rune, i int) ([]byte, int) {
	tone := byte(1)
	k = append(k, syllable)
	for i < len(rs) && unicode.IsLetter(rs[i]) {
		base := rs[i]
		for i++; i < len(rs) && unicode.Is(unicode.Mn, rs[i]); i++ {
			if t := tones[rs[i]]; t != 0 {
				tone = t
			} else if shaped := shapes[rs[i]][base]; shaped != 0 {
				base = shaped
			}
		}
		if w := weights[base]; w != 0 {
			k = append(k, w)
		} else {
			k = append(append(k, foreign), string(base)...)
		}
	}
	return append(k, over, tone), i
}

// Compare is a total order of names: below 0 when a comes before b. Only the same bytes
// are equal.
func Compare(a, b string) int { return cmp.Or(cmp.Compare(Key(a), Key(b)), cmp.Compare(a, b)) }

// Sort puts rows in the order of their names, each of which is read once. Rows of the same
// name keep the order they had.
func Sort[T any](rows []T, name func(T) string) {
	SortBy(rows, func(x T) []string { return []string{name(x)} })
}

// SortBy is Sort by several names, the first of them foremost: commune, then hamlet.
func SortBy[T any](rows []T, names func(T) []string) {
	type keyed struct {
		row         T
		keys, names []string
	}
	list := make([]keyed, len(rows))
	for i, row := range rows {
		n := names(row)
		keys := make([]string, len(n))
		for j := range n {
			keys[j] = Key(n[j])
		}
		list[i] = keyed{row, keys, n}
	}
	slices.SortStableFunc(list, func(a, b keyed) int {
		for j := range min(len(a.keys), len(b.keys)) {
			if n := cmp.Or(cmp.Compare(a.keys[j], b.keys[j]), cmp.Compare(a.names[j], b.names[j])); n != 0 {
				return n
			}
		}
		return cmp.Compare(len(a.keys), len(b.keys))
	})
	for i := range list {
		rows[i] = list[i].row
	}
}
