package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestCommandLine: what people mistype, and what commands say to it.
func TestCommandLine(t *testing.T) {
	d := settled(t)
	d.run(0, "", word, "user add --login tho --name Tho --role editor --password-stdin")
	if err := os.WriteFile(d.file("areas.yaml"), []byte("areas: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		code     int
		want, in string
		line     string
	}{
		{"no such command", 2, `^loaxa: unknown command "bogus"\n.*\n  serve `, "", "bogus"},
		{"no command", 2, `^loaxa: radio desk`, "", ""},
		{"help", 0, `^loaxa: radio desk`, "", "-h"},
		{"a bundle of no days", 2, `--from 2026-12-02 comes after --to 2026-12-01`, "", "verify --export @x --from 2026-12-02 --to 2026-12-01"},
		{"a bundle of no day", 2, `mai`, "", "verify --export @x --from mai"},
		{"flags behind the folder", 1, `areas.yaml`, word, "import @areas.yaml --author tho --approver-password-stdin --approver lan"},
		{"flags before the folder", 1, `areas.yaml`, word, "import --author tho --approver lan --approver-password-stdin @areas.yaml"},
		{"flags around the folder", 1, `areas.yaml`, "", "import --dry-run @areas.yaml --author tho"},
		{"two folders", 2, `usage`, "", "import @areas.yaml @areas.yaml --author tho --approver lan"},
		{"a square where nobody sees it", 0, `works once, until \S+ \S+ UTC[+-]\d\d:\d\d\n.*or: loaxa-agent enrol \S+\nthe QR code is drawn on a terminal only`, "", "device code cx-01 --qr"},
		{"the same, by add", 0, `or: loaxa-agent enrol \S+\nthe QR code is drawn on a terminal only`, "", "device add --code cx-01 --qr"},
		{"no square wanted", 0, `--code \S+\n$`, "", "device code cx-01"},
		{"a device that is none", 1, `^loaxa device: not found: device "?none"?\n$`, "", "device show none"},
		{"an alert that is none", 1, `^loaxa alert: not found: [^\n]*\n$`, "", "alert show 01J00000000000000000000000"},
		{"an invitation", 0, `until \S+ \S+ UTC[+-]\d\d:\d\d\n`, "", "user invite --login moi --name Moi --role viewer"},
		{"keys", 0, `since \S+ \S+ UTC[+-]\d\d:\d\d`, "", "key person list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &desk{t: t, dir: d.dir, data: d.data}
			said := d.run(c.code, c.want, c.in, c.line)
			if strings.Contains(said, "sql:") {
				t.Errorf("the driver speaks:\n%s", said)
			}
			if c.name == "help" && strings.Contains(said, " --") {
				t.Errorf("flags of one command:\n%s", said)
			}
		})
	}
	gone(t, d.file("x"))
}

// TestPlainWords: what database drivers say is not for people.
func TestPlainWords(t *testing.T) {
	for _, c := range [][2]string{
		{`person "lan": sql: no rows in result set`, `person "lan"`},
		{`list: sql: Scan error on column index 3, name "may": converting`, `list: the database holds something unreadable as may: converting`},
		{"as it is", "as it is"},
	} {
		if got := plain(c[0]); got != c[1] {
			t.Errorf("%q", got)
		}
	}
}

// TestNoProvinceYet: the first run ends with the commands that come next.
func TestNoProvinceYet(t *testing.T) {
	d := newDesk(t)
	d.run(0, "made", word, "user add --login lan --name Lan --role admin --password-stdin")
	d.run(1, "no province yet.*loaxa import --author LOGIN --approver LOGIN FOLDER.*loaxa key root.*loaxa key sign", "", "serve")
	layDown(t, d.data)
	d.run(1, "no keyring .* yet.*loaxa key sign", "", "serve")
}

// TestAlertRefused: who may not sign is told the role before anything is composed, and a
// refused alert leaves no draft.
func TestAlertRefused(t *testing.T) {
	d := settled(t)
	d.run(0, "", word, "user add --login tho --name Tho --role editor --password-stdin")
	send := "alert send --area cam-xuyen --headline Bão --text Bão --password-stdin --as "
	d.run(1, `tho may not sign alerts there: it takes the role approver@cam-xuyen \(loaxa user grant --login tho --role approver@cam-xuyen\)`, word, send+"tho")
	d.run(1, `approver@ha-tinh`, word, "alert send --area ha-tinh --headline Bão --text Bão --password-stdin --as lan")
	d.run(0, "^$", "", "alert list")
	d.run(1, "no draft is kept: lan: ", "sai mật khẩu rồi\n", send+"lan")
	if said := d.run(0, "", "", "alert list"); regexp.MustCompile(`\bdraft\b`).MatchString(said) {
		t.Errorf("a draft is left:\n%s", said)
	}
	id := regexp.MustCompile(`^\w{26}`).FindString(d.run(0, "signed by 1 and sent", word, send+"lan"))
	d.run(1, `tho may not sign alerts there: it takes the role approver@cam-xuyen`, word, "alert cancel --password-stdin --as tho "+id)
	d.run(1, `tho may not sign alerts there: it takes the role approver@cam-xuyen`, word, "alert sign --password-stdin --as tho "+id)
	d.run(0, `UTC[+-]\d\d:\d\d +alert +issued`, "", "alert list")
}
