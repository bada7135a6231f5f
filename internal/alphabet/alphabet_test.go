package alphabet

import (
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// Each list stands in its order.
var orders = map[string][]string{
	"letters":              {"a", "ă", "â", "b", "c", "d", "đ", "e", "ê", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "ô", "ơ", "p", "q", "r", "s", "t", "u", "ư", "v", "w", "x", "y", "z"},
	"tones":                {"ma", "mà", "mả", "mã", "má", "mạ"},
	"letters before tones": {"ba", "bạ", "bay", "bảy", "băng", "bâng"},
	"syllable by syllable": {"Ba Xã", "Bà Vui", "Bạ An", "Ban Ai"},
	"communes": {"Phường Bắc Hồng Lĩnh", "Phường Hà Huy Tập", "Phường Nam Hồng Lĩnh", "Xã Can Lộc", "Xã Cẩm Bình", "Xã Cẩm Duệ", "Xã Cẩm Hưng", "Xã Cẩm Lạc",
		"Xã Cẩm Trung", "Xã Cẩm Xuyên", "Xã Cổ Đạm", "Xã Đan Hải", "Xã Đông Kinh", "Xã Đồng Lộc", "Xã Đồng Tiến", "Xã Đức Đồng", "Xã Đức Minh", "Xã Đức Quang", "Xã Đức Thịnh",
		"Xã Đức Thọ", "Xã Gia Hanh", "Xã Hà Linh", "Xã Hồng Lộc", "Xã Hương Bình", "Xã Kỳ Anh", "Xã Ứng Hòa", "Xã Yên Hòa"},
	"numbers by value":     {"Thôn", "Thôn 1", "Thôn 2", "Thôn 2A", "Thôn 2B", "Thôn 02C", "Thôn 10", "Thôn 100000000000000000000000", "Thôn Ấp"},
	"numbers first":        {"1 tháng 5", "9", "Ân", "Ba"},
	"no space":             {"", "A", "A1", "A 2", "Ab"},
	"shorter first":        {"Hà", "Hà An", "Hà Tĩnh", "Hạ"},
	"capitals last":        {"TỔ", "Tổ", "tổ", "Tố"},
	"schools of marks":     {"hoà", "hòa", "hoà an", "Hòa Bình", "hoá"},
	"punctuation":          {"(Thôn) 1", "Thôn - 1", "Thôn 1", "Thôn: 2"},
	"foreign":              {"Ana", "Muller", "Müller", "Muller b", "Zeta", "Ωmega", "Яблоко"},
	"tone of a word first": {"Đà Nẵng", "Đá"},
}

func TestOrders(t *testing.T) {
	for name, list := range orders {
		t.Run(name, func(t *testing.T) {
			for i := range list {
				for j := range list {
					if got, want := Compare(list[i], list[j]), cmpInt(i, j); got != want {
						t.Errorf("%q and %q: %d, want %d", list[i], list[j], got, want)
					}
				}
			}
		})
	}
}

func cmpInt(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// However it is typed, a name stands at one place.
func TestKeyOfSpellings(t *testing.T) {
	for _, same := range [][]string{
		{"Hoà Bình", "Hòa Bình", "HÒA BÌNH", "hòa  bình", "Hòa-Bình", norm.NFD.String("Hòa Bình")},
		{"Thuỷ", "Thủy"},
		{"Đức Thọ", "Ðức Thọ", "đức thọ"}, // the second begins with an Icelandic letter
		{"Thôn 3", "Thôn 03", "thôn 3."},
	} {
		for _, s := range same {
			if Key(s) != Key(same[0]) {
				t.Errorf("%q and %q stand apart", s, same[0])
			}
		}
	}
}

func TestSort(t *testing.T) {
	type row struct {
		commune, hamlet string
		n               int
	}
	want := []row{{"Xã An", "Thôn 2", 0}, {"Xã An", "Thôn 10", 1}, {"Xã An", "Thôn 10", 2}, {"Xã Ân", "Thôn 1", 3}, {"Xã Đông", "Thôn 1", 4}, {"Xã Em", "", 5}}
	for seed := range uint64(50) {
		rows := slices.Clone(want)
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		slices.SortStableFunc(rows, func(a, b row) int { return a.n - b.n }) // what is the same keeps its order
		slices.Reverse(rows[3:])
		SortBy(rows, func(r row) []string { return []string{r.commune, r.hamlet} })
		if !slices.Equal(rows, want) {
			t.Fatalf("%v", rows)
		}
	}
	list := []string{"Đ", "D", "Ă", "A"}
	Sort(list, func(s string) string { return s })
	if !slices.Equal(list, []string{"A", "Ă", "D", "Đ"}) {
		t.Errorf("%v", list)
	}
}

// FuzzCompare: one order of all names, whatever they are.
func FuzzCompare(f *testing.F) {
	f.Add("Hoà", "Hòa", "hoa 10")
	f.Add("\xff", "", "Ω\u0301")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if Compare(a, b) != -Compare(b, a) || (Compare(a, b) == 0) != (a == b) {
			t.Errorf("%q and %q: %d and %d", a, b, Compare(a, b), Compare(b, a))
		}
		if Compare(a, b) <= 0 && Compare(b, c) <= 0 && Compare(a, c) > 0 {
			t.Errorf("%q, %q, %q go round", a, b, c)
		}
	})
}
