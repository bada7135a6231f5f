package schedule

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"loaxa/internal/radio"
)

// where and what edit one of the two files of the good folder.
func where(pairs ...string) []string {
	return []string{"1-where.yaml", replaced(whereYAML, pairs...), "2-what.yaml", whatYAML}
}

func what(pairs ...string) []string {
	return []string{"1-where.yaml", whereYAML, "2-what.yaml", edit(pairs...)}
}

func add(text string) []string {
	return []string{"1-where.yaml", whereYAML, "2-what.yaml", whatYAML, "3-more.yaml", text}
}

func contacts(text string) []string { return add("contacts: [" + text + "]\n") }

// Every kind of mistake, with the place it is reported at and the English reason;
// each list is everything that is reported.
var mistakes = []struct {
	name  string
	files []string
	want  []string
}{
	{"unknown key", what("title: Đợt,", "titel: Đợt,"), []string{`2-what.yaml:2:5: missing title`, `2-what.yaml:2:17: unknown key "titel"`}},
	{"unknown list", add("area: []\n"), []string{`3-more.yaml:1:1: unknown key "area"`}},
	{"key twice", add("areas: []\nareas: []\n"), []string{`3-more.yaml:2:1: mapping key "areas" already defined at [1:1]`}},
	{"not YAML", add("areas:\n  - {code: a\n"), []string{`3-more.yaml:2:5: YAML syntax: could not find flow mapping end token '}'`}},
	{"tab", add("areas:\n\t- code: a\n"), []string{`3-more.yaml:2:1: YAML syntax: found character '	' that cannot start any token`}},
	{"not UTF-8", add("# ok\nareas: []\n# \xff\n"), []string{`3-more.yaml:3:1: not valid UTF-8; save the file as UTF-8`}},
	{"two documents", add("areas: []\n---\nareas: []\n"), []string{`3-more.yaml:2:1: one YAML document per file`}},
	{"a list at the top", add("- areas\n"), []string{`3-more.yaml:1:1: want key: value pairs here`}},
	{"a word in place of a list", add("areas: tinh\n"), []string{`3-more.yaml:1:8: areas must be a list`}},
	{"a word in place of an area", add("areas:\n  - tinh\n"), []string{`3-more.yaml:2:5: want key: value pairs here`}},
	{"a list in place of a word", where("name: Cụm 1", "name: [a]"), []string{`1-where.yaml:6:25: want a single value here`}},
	{"anchor", where("name: Cụm 1", "name: &x Cụm 1"), []string{`1-where.yaml:6:25: no YAML anchors, aliases or tags (& * ! <<)`}},
	{"control character", where("name: Cụm 1", `name: "Cụm\u0007"`), []string{`1-where.yaml:6:25: control or hidden character inside`}},
	{"line too long", add("# " + strings.Repeat("x", 5000) + "\n"), []string{`3-more.yaml:1:1: line longer than 4096 bytes`}},
	{"too deep", add("areas: " + strings.Repeat("[", 200) + "\n"), []string{`3-more.yaml:1:1: too many open brackets`}},

	{"bad code", where("code: loa-1", "code: Loa 1"), []string{`1-where.yaml:6:12: code "Loa 1": use 1-64 of a-z, 0-9, dot and hyphen`}},
	{"no code", where("code: loa-1, ", ""), []string{`1-where.yaml:6:5: missing code`}},
	{"empty name", where("name: Cụm 1", `name: ""`), []string{`1-where.yaml:6:25: name is empty`}},
	{"long name", where("name: Cụm 1", "name: "+strings.Repeat("ạ", 201)), []string{`1-where.yaml:6:25: longer than 200 characters`}},
	{"area twice", add("areas: [{code: xa, kind: commune, name: X, parent: tinh}]"), []string{`3-more.yaml:1:16: area "xa" is already defined at tinh/1-where.yaml:3:12`}},
	{"bulletin claims an emergency", what("field: 3, file", "field: 3, priority: emergency, file"), []string{`2-what.yaml:5:12: priority: a bulletin cannot be an emergency; emergencies go as alerts`}},
	{"bulletin of no area", what("field: 3, file", "field: 3, area: khac, file"), []string{`2-what.yaml:5:49: no area has the code "khac"`}},
	{"bulletin of a hamlet", what("field: 3, file", "field: 3, area: thon, file"), []string{`2-what.yaml:5:49: a bulletin belongs to the province or a commune; "thon" is a hamlet`}},
	{"bulletin of no campaign", what("field: 3, file", "field: 3, campaign: khac, file"), []string{`2-what.yaml:5:53: no campaign has the code "khac"`}},
	{"bulletin valid backwards", what("valid_until: 2026-12-31", "valid_from: 2027-01-01, valid_until: 2026-12-31"), []string{`2-what.yaml:5:12: valid_until: ends before it begins (valid_from)`}},
	{"text that turns round", where("name: Cụm 1", `name: "Cụm \u202e1"`), []string{`1-where.yaml:6:25: control or hidden character inside`}},
	{"control character in a transcript", what("field: 3, file", `field: 3, transcript: "a\u0007", file`), []string{`2-what.yaml:5:55: control or hidden character inside`}},
	{"unknown kind", where("kind: commune", "kind: district"), []string{
		`1-where.yaml:3:22: kind "district": want province, commune or hamlet`,
		`1-where.yaml:4:52: no area has the code "xa"`, `1-where.yaml:9:11: no area has the code "xa"`, `2-what.yaml:10:22: no area has the code "xa"`,
	}},
	{"unknown parent", where("name: Thôn, parent: xa", "name: Thôn, parent: khac"), []string{`1-where.yaml:4:52: no area has the code "khac"`}},
	{"parent of the wrong kind", where("name: Thôn, parent: xa", "name: Thôn, parent: tinh"), []string{`1-where.yaml:4:52: "tinh" is a province; a hamlet lies in a commune`}},
	{"no parent", add("areas: [{code: b, kind: commune, name: B}]"), []string{`3-more.yaml:1:9: missing parent (code of its province)`}},
	{"province with a parent", add("areas: [{code: b, kind: province, name: B, zone: Asia/Ho_Chi_Minh, parent: tinh}]"), []string{`3-more.yaml:1:76: a province has no parent`}},
	{"province without a zone", add("areas: [{code: b, kind: province, name: B}]"), []string{`3-more.yaml:1:9: a province needs a zone such as Asia/Ho_Chi_Minh`}},
	{"zone of a commune", where("name: Xã,", "name: Xã, zone: Asia/Ho_Chi_Minh,"), []string{`1-where.yaml:3:47: only a province has a zone`}},
	{"unknown zone", add("areas: [{code: b, kind: province, name: B, zone: Mars/Base}]"), []string{`3-more.yaml:1:50: unknown time zone "Mars/Base"`}},
	{"zone of the machine", add("areas: [{code: b, kind: province, name: B, zone: Local}]"), []string{`3-more.yaml:1:50: unknown time zone "Local"`}},
	{"device in a commune", where("name: Cụm 1, hamlet: thon", "name: Cụm 1, hamlet: xa"), []string{`1-where.yaml:6:40: "xa" is a commune; a device stands in a hamlet`}},
	{"device nowhere", where("name: Cụm 1, hamlet: thon", "name: Cụm 1, hamlet: kia"), []string{`1-where.yaml:6:40: no area has the code "kia"`}},
	{"device twice", where("code: loa-2", "code: loa-1"), []string{`1-where.yaml:7:12: device "loa-1" is already defined at tinh/1-where.yaml:6:12`, `2-what.yaml:10:36: no device has the code "loa-2"`}},
	{"rendition", where("rendition: 32", "rendition: 48"), []string{`1-where.yaml:7:57: rendition "48": want 64 or 32`}},
	{"offset out of bounds", where("rendition: 32", "offset_ms: -60001"), []string{`1-where.yaml:7:57: offset_ms "-60001": want a whole number from -60000 to 60000`}},
	{"stagger backwards", where("rendition: 32", "stagger_ms: -1"), []string{`1-where.yaml:7:58: stagger_ms "-1": want a whole number from 0 to 60000`}},
	{"stagger in words", where("rendition: 32", "stagger_ms: 2s"), []string{`1-where.yaml:7:58: stagger_ms "2s": want a whole number from 0 to 60000`}},
	{"half a position", where("rendition: 32", "latitude: 18.3"), []string{`1-where.yaml:7:56: latitude without longitude`}},
	{"the other half", where("rendition: 32", "longitude: 105.9"), []string{`1-where.yaml:7:57: longitude without latitude`}},
	{"position the wrong way round", where("rendition: 32", "latitude: 105.9, longitude: 18.3"), []string{`1-where.yaml:7:56: the latitude is −90 to 90, the longitude −180 to 180; the latitude comes first`}},
	{"position in words", where("rendition: 32", "latitude: bắc, longitude: 105.9"), []string{`1-where.yaml:7:56: write latitude, then longitude, with decimal points`}},

	{"contact of no area", contacts("{area: khac, name: A, phone: '0912'}"), []string{`3-more.yaml:1:19: no area has the code "khac"`}},
	{"contact of the province", contacts("{area: tinh, name: A, phone: '0912'}"), []string{`3-more.yaml:1:19: "tinh" is a province; whom to call is told of a commune or a hamlet`}},
	{"contact without an area", contacts("{name: A, phone: '0912'}"), []string{`3-more.yaml:1:12: missing area`}},
	{"contact without a name", contacts("{area: xa, phone: '0912'}"), []string{`3-more.yaml:1:12: missing name`}},
	{"contact without a number", contacts("{area: xa, name: A}"), []string{`3-more.yaml:1:12: missing phone`}},
	{"contact with no number", contacts("{area: xa, name: A, phone: hỏi sau}"), []string{`3-more.yaml:1:39: not a phone number`}},
	{"contact of a long name", contacts("{area: xa, name: " + strings.Repeat("x", 201) + ", phone: '0912'}"), []string{`3-more.yaml:1:29: too long, at most 200 bytes`}},
	{"contact twice", contacts("{area: xa, name: A, phone: '0912'}, {area: xa, name: B, phone: '0913'}"), []string{`3-more.yaml:1:55: contact "xa" is already defined at tinh/3-more.yaml:1:19`}},
	{"contact with a slip", contacts("{area: xa, name: A, phone: '0912', email: a}"), []string{`3-more.yaml:1:47: unknown key "email"`}},

	{"policy for nothing", where("  - area: xa\n    label", "  - label"), []string{`1-where.yaml:9:5: name an area or a device, exactly one of them`}},
	{"policy for two", where("  - area: xa\n", "  - area: xa\n    device: loa-1\n"), []string{`1-where.yaml:9:5: name an area or a device, exactly one of them`}},
	{"policy twice", add("policies: [{area: xa, label: b, windows: []}]"), []string{`3-more.yaml:1:12: a policy for area xa is already defined at tinh/1-where.yaml:9:5`}},
	{"policy without windows", add("policies: [{area: tinh, label: b}]"), []string{`3-more.yaml:1:12: missing windows ([] means sound is never permitted)`}},
	{"profile that says nothing", add("policies: [{area: thon, label: b}]"), []string{`3-more.yaml:1:12: it says nothing: name windows, quiet, volume, mourning or a cap of the day`}},
	{"exceptions of a hamlet", add("policies: [{area: thon, label: b, quiet: [{from: 08:00, to: 10:00}], exceptions: [{label: x, date: 2027-09-02, windows: []}]}]"), []string{`3-more.yaml:1:12: exceptions are a commune's or the province's; a hamlet or device only tightens them (quiet, volume, mourning)`}},
	{"date of a decision", where("label: ví dụ", "label: ví dụ\n    issued: 2026-13-01"), []string{`1-where.yaml:11:13: date "2026-13-01": write YYYY-MM-DD`}},
	{"window without an end", where(`from: "05:00", to: "07:00"`, `from: "05:00"`), []string{`1-where.yaml:11:15: missing to`}},
	{"window of no length", where(`to: "07:00"`, `to: "05:00"`), []string{`1-where.yaml:11:15: span from 05:00 to 05:00 is not clear; the whole day is 00:00 to 24:00`}},
	{"hour", where(`to: "07:00"`, `to: "25:00"`), []string{`1-where.yaml:11:35: time "25:00": write HH:MM from 00:00 to 24:00`}},
	{"hour of one digit", where(`to: "07:00"`, `to: 7:00`), []string{`1-where.yaml:11:35: time "7:00": write HH:MM from 00:00 to 24:00`}},
	{"weekday", where(`to: "07:00"`, `to: "07:00", days: [0, 8, x, 1, 1]`), []string{
		`1-where.yaml:11:51: days "0": want a whole number from 1 to 7`, `1-where.yaml:11:54: days "8": want a whole number from 1 to 7`,
		`1-where.yaml:11:57: days "x": want a whole number from 1 to 7`, `1-where.yaml:11:63: day 1 stands twice`,
	}},
	{"gain above 0", where("gain_db: -6", "gain_db: 6"), []string{`1-where.yaml:12:52: gain_db "6": want -60 to 0`}},
	{"gain that is no number", where("gain_db: -6", "gain_db: .nan"), []string{`1-where.yaml:12:52: want a single value here`}},
	{"mourning day", where("[2026-05-01]", "[2026-05-32]"), []string{`1-where.yaml:13:16: date "2026-05-32": write YYYY-MM-DD`}},
	{"no cap", where("label: ví dụ", "label: ví dụ\n    max_sessions: 0\n    max_minutes: 1441"), []string{
		`1-where.yaml:11:19: max_sessions "0": want a whole number from 1 to 200`, `1-where.yaml:12:18: max_minutes "1441": want a whole number from 1 to 1440`}},
	{"cap that is no number", where("label: ví dụ", "label: ví dụ\n    max_sessions: hai"), []string{`1-where.yaml:11:19: max_sessions "hai": want a whole number from 1 to 200`}},
	{"exception without dates", exception("{label: Tết, windows: []}"), []string{`1-where.yaml:12:9: name a date, or from and until`}},
	{"exception with both", exception("{label: Tết, date: 2027-02-06, until: 2027-02-07, windows: []}"), []string{`1-where.yaml:12:9: name a date, or from and until`}},
	{"exception backwards", exception("{label: Tết, from: 2027-02-06, until: 2027-02-05, windows: []}"), []string{`1-where.yaml:12:47: until 2027-02-05 is before from 2027-02-06`}},
	{"exception without hours", exception("{label: Tết, date: 2027-02-06}"), []string{`1-where.yaml:12:9: missing windows (the hours of these dates; [] is silence)`}},
	{"exception without a label", exception("{date: 2027-02-06, windows: []}"), []string{`1-where.yaml:12:9: missing label`}},
	{"exception with weekdays", exception(`{label: Tết, date: 2027-02-06, windows: [{from: "08:00", to: "09:00", days: [1]}]}`), []string{`1-where.yaml:12:79: unknown key "days"`}},
	{"exception too long", exception("{label: Tết, from: 2027-02-06, until: 2027-06-05, windows: []}"), []string{`1-where.yaml:12:9: an exception wants a label, at most 62 days and 16 windows`}},
	{"exceptions that meet", exception("{label: Tết, from: 2027-02-06, until: 2027-02-08, windows: []}\n      - {label: Hội, date: 2027-02-08, windows: []}"), []string{
		`1-where.yaml:13:9: it shares a date with exception "Tết"`}},
	{"exception on no day", exception("{label: Tết, date: 2027-02-30, windows: []}"), []string{`1-where.yaml:12:28: date "2027-02-30": write YYYY-MM-DD`}},

	{"bulletin twice", what("code: tin,", "code: nhac,"), []string{
		`2-what.yaml:5:12: bulletin "nhac" is already defined at tinh/2-what.yaml:4:12`, `2-what.yaml:20:33: no bulletin has the code "tin"`,
	}},
	{"field 7", what("field: 3", "field: 7"), []string{`2-what.yaml:5:40: field "7": want a whole number from 1 to 6`}},
	{"no field", what("field: 3, ", ""), []string{`2-what.yaml:5:5: missing field`}},
	{"no file", what(", file: tin.mp3", ""), []string{`2-what.yaml:5:5: missing file (a path in the folder, or audio:<sample>)`}},
	{"file out of the folder", what("file: tin.mp3", "file: ../tin.mp3"), []string{`2-what.yaml:5:49: file "../tin.mp3": want a path inside the folder, or audio:<sample>`}},
	{"absolute file", what("file: tin.mp3", "file: /etc/passwd"), []string{`2-what.yaml:5:49: file "/etc/passwd": want a path inside the folder, or audio:<sample>`}},
	{"file that is not there", what("file: tin.mp3", "file: khac.mp3"), []string{`2-what.yaml:5:49: no audio file "khac.mp3"`}},
	{"sample that is not there", what("audio:tune", "audio:siren"), []string{`2-what.yaml:4:52: no audio file "audio:siren"`}},
	{"sample with a path", what("audio:tune", "audio:../x"), []string{`2-what.yaml:4:52: file "audio:../x": want a path inside the folder, or audio:<sample>`}},
	{"withdrawn maybe", what("field: 3,", "field: 3, withdrawn: có,"), []string{`2-what.yaml:5:54: withdrawn must be true or false`}},
	{"language", what("field: 3,", "field: 3, language: x,"), []string{`2-what.yaml:5:12: language: language must be a BCP 47 tag such as vi`}},
	{"valid until", what("valid_until: 2026-12-31", "valid_until: 31/12/2026"), []string{`2-what.yaml:5:71: date "31/12/2026": write YYYY-MM-DD`}},

	{"campaign twice", add("campaigns: [{code: dot, title: Hai}]"), []string{`3-more.yaml:1:20: campaign "dot" is already defined at tinh/2-what.yaml:2:12`}},
	{"campaign backwards", what("until: 2026-12-31}\nbull", "until: 2025-12-31}\nbull"), []string{`2-what.yaml:2:94: until 2025-12-31 is before from 2026-01-01`}},

	{"schedule twice", add("schedules: [{code: sang, title: S, targets: [{area: xa}], slots: [{code: s, cron: 0 5 * * *, items: [{code: a, bulletin: tin}]}]}]"), []string{
		`3-more.yaml:1:20: schedule "sang" is already defined at tinh/2-what.yaml:7:11`,
	}},
	{"emergency", what("campaign: dot\n", "campaign: dot\n    priority: emergency\n"), []string{`2-what.yaml:10:15: a schedule cannot be emergency: an emergency goes out only as an alert`}},
	{"priority", what("campaign: dot\n", "campaign: dot\n    priority: high\n"), []string{`2-what.yaml:10:15: priority "high": want normal or priority`}},
	{"unknown campaign", what("campaign: dot\n", "campaign: kia\n"), []string{`2-what.yaml:9:15: no campaign has the code "kia"`}},
	{"no targets", what("    targets: [{area: xa}, {device: loa-2}]\n", ""), []string{`2-what.yaml:7:5: targets: name at least one area or device`}},
	{"empty targets", what("[{area: xa}, {device: loa-2}]", "[]"), []string{`2-what.yaml:7:5: targets: name at least one area or device`}},
	{"target twice", what("{device: loa-2}", "{area: xa}"), []string{`2-what.yaml:10:27: area xa stands twice`}},
	{"unknown target", what("{device: loa-2}", "{device: loa-9}"), []string{`2-what.yaml:10:36: no device has the code "loa-9"`}},
	{"target of nothing", what("{device: loa-2}", "{}"), []string{`2-what.yaml:10:27: name an area or a device, exactly one of them`}},
	{"another zone", what("campaign: dot\n", "campaign: dot\n    zone: Asia/Tokyo\n"), []string{`2-what.yaml:10:11: zone "Asia/Tokyo" differs from the province's (Asia/Ho_Chi_Minh)`}},
	{"bad first day", what("from: 2026-01-01\n", "from: 2026-02-30\n"), []string{`2-what.yaml:11:11: date "2026-02-30": write YYYY-MM-DD`}},
	{"until before from", what("until: 2026-12-31\n    except", "until: 2025-12-31\n    except"), []string{`2-what.yaml:12:12: until 2025-12-31 is before from 2026-01-01`}},
	{"exception twice", what("[2026-02-17]", "[2026-02-17, 2026-02-17]"), []string{`2-what.yaml:13:26: date 2026-02-17 stands twice`}},
	{"grace", what("grace: 90s", "grace: 90"), []string{`2-what.yaml:14:12: grace "90": want whole seconds from 0 to 3600; 120s or 2m, say`}},
	{"grace of two hours", what("grace: 90s", "grace: 2h"), []string{`2-what.yaml:14:12: grace "2h": want whole seconds from 0 to 3600; 120s or 2m, say`}},
	{"no slots", add("schedules: [{code: b, title: B, targets: [{area: xa}]}]"), []string{`3-more.yaml:1:13: schedule has 0 slots, want 1 to 128`}},
	{"empty slot", add("schedules: [{code: b, title: B, targets: [{area: xa}], slots: [{code: s, cron: 0 5 * * *, items: []}]}]"), []string{`3-more.yaml:1:64: slot has 0 items, want 1 to 64`}},
	{"slot twice", what("          - {code: b, b", "      - {code: s1, cron: 0 6 * * *, items: [{code: a, bulletin: nhac}]}\n      - code: s2\n        cron: 0 7 * * *\n        items:\n          - {code: b, b"), []string{
		`2-what.yaml:20:16: slot "s1" is already defined at tinh/2-what.yaml:16:15`,
	}},
	{"item twice", what("{code: b, bulletin: tin", "{code: a, bulletin: tin"), []string{`2-what.yaml:20:20: item "a" is already defined at tinh/2-what.yaml:19:20`}},
	{"unknown bulletin", what("bulletin: tin", "bulletin: kia"), []string{`2-what.yaml:20:33: no bulletin has the code "kia"`}},
	{"repeat", what("repeat: 2", "repeat: 11"), []string{`2-what.yaml:20:46: repeat "11": want a whole number from 1 to 10`}},
	{"gap", what("gap: 1500ms", "gap: 11m"), []string{`2-what.yaml:20:54: gap "11m": want seconds from 0 to 600, to the thousandth; 120s or 2m, say`}},
	{"cron of four fields", what("0 5 * * 1-6", "0 5 * *"), []string{`2-what.yaml:17:15: invalid: cron rule "0 5 * *": 4 fields`}},
	{"cron descriptor", what(`"0 5 * * 1-6"`, `"@daily"`), []string{`2-what.yaml:17:15: invalid: cron rule "@daily": descriptors`}},
	{"cron with a zone", what("0 5 * * 1-6", "TZ=0 0 5 * * *"), []string{`2-what.yaml:17:15: invalid: cron rule "TZ=0 0 5 * * *": a zone belongs`}},
	{"cron that never comes", what("0 5 * * 1-6", "0 5 30 2 *"), []string{`2-what.yaml:17:15: invalid: cron rule "0 5 30 2 *": it has no occurrence`}},
	{"more airings a day than a device expands", add("schedules: [{code: b, title: B, targets: [{area: xa}], slots: [{code: s, cron: '* 0-22 * * *', items: [{code: a, bulletin: tin, repeat: 4}]}]}]"), []string{
		`3-more.yaml:1:20: the schedule has up to 5520 airings a day, at most 5000`}},
	{"no cron", what("        cron: \"0 5 * * 1-6\"\n", ""), []string{`2-what.yaml:16:9: missing cron`}},
}

func TestMistakes(t *testing.T) {
	for _, c := range mistakes {
		t.Run(c.name, func(t *testing.T) {
			src := source(append(c.files, "tin.mp3", "tin")...)
			err := check(t.Context(), src, fstest.MapFS{"tune.mp3": {Data: []byte("x")}})
			var ps Problems
			if !errors.As(err, &ps) || !errors.Is(err, radio.ErrInvalid) {
				t.Fatalf("got %v, want problems", err)
			}
			for i, p := range ps {
				got := fmt.Sprintf("%s: %s", strings.TrimPrefix(p.At.String(), "tinh/"), p.EN)
				if i >= len(c.want) || !strings.HasPrefix(got, c.want[i]) {
					t.Errorf("problem %d: %s", i+1, got)
				}
				if p.VI == "" {
					t.Errorf("no Vietnamese for %q", p.EN)
				}
			}
			if len(ps) < len(c.want) {
				t.Errorf("missing: %q", c.want[len(ps):])
			}
		})
	}
}

func TestFolderLimits(t *testing.T) {
	many := fstest.MapFS{}
	for i := range MaxFiles + 1 {
		many[fmt.Sprintf("%d.yaml", i)] = &fstest.MapFile{}
	}
	for name, c := range map[string]struct {
		fsys fs.FS
		want string
	}{
		"no file":        {fstest.MapFS{"readme.txt": {}}, "the folder holds no .yaml file"},
		"too many files": {many, "more than 256 .yaml files"},
		"a large file":   {fstest.MapFS{"a.yaml": {Data: make([]byte, MaxFileBytes+1)}}, "file larger than 1 MB"},
	} {
		err := check(t.Context(), FSSource("tinh", c.fsys), nil)
		if err == nil || !errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManyProblemsAreBounded(t *testing.T) {
	err := check(t.Context(), source("a.yaml", "areas:\n"+strings.Repeat("  - x\n", 1000)), nil)
	var ps Problems
	if !errors.As(err, &ps) || len(ps) != maxProblems {
		t.Fatalf("%d problems", len(ps))
	}
}

func TestSpellings(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":          "",
		"comments only":    "# nothing yet\n",
		"empty lists":      "areas:\ndevices: []\n",
		"byte order mark":  "\xef\xbb\xbfareas: []\n",
		"lines of Windows": "areas:\r\n  - code: tinh\r\n    kind: province\r\n    name: Tỉnh\r\n    zone: Asia/Bangkok\r\n",
		"codes of digits":  "areas: [{code: 01, kind: province, name: 42, zone: Asia/Bangkok}]\n",
		"children first":   "areas: [{code: x, kind: commune, name: X, parent: t}, {code: t, kind: province, name: T, zone: Asia/Bangkok}]\n",
		"never, over midnight": "areas: [{code: t, kind: province, name: T, zone: Asia/Bangkok}]\n" +
			"policies: [{area: t, label: x, windows: [{from: \"22:00\", to: \"02:00\", days: [7]}, {from: 00:00, to: 24:00}]}]\n",
	} {
		if err := check(t.Context(), source("a.yaml", text), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// NFD from a Mac becomes NFC; a code keeps its leading zero.
	f := &folder{}
	parse(f, "a.yaml", []byte("areas: [{code: 01, kind: province, name: \"Ha\u0300 Ti\u0303nh\", zone: Asia/Bangkok}]"))
	if len(f.problems) != 0 || f.areas[0].name.s != "Hà Tĩnh" || f.areas[0].code.s != "01" {
		t.Errorf("%+v %v", f.areas, f.problems)
	}
}

func FuzzFiles(f *testing.F) {
	f.Add([]byte(whereYAML))
	f.Add([]byte(whatYAML))
	f.Add([]byte("areas: [{code: a, kind: province, name: x, zone: UTC, parent: [}"))
	f.Add([]byte("schedules:\n  - slots: [{cron: \"TZ=0\", items: [{}]}]\n    targets: [{}]\n"))
	f.Add([]byte("a: &a [*a, !!str x, ? y]\n<<: {b: |\n  c}\n"))
	f.Add([]byte("policies: [{windows: [{from: 24:00, to: 00:00, days: [~]}], volume: [{gain_db: .nan}]}]"))
	f.Add([]byte("? a\n: b\n- c: d\n  -e\n\"\\x00\": '\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 64<<10 {
			t.Skip("larger files only take longer")
		}
		err := check(t.Context(), FSSource("f", fstest.MapFS{"a.yaml": {Data: text}}), nil)
		if err == nil {
			return
		}
		var ps Problems
		if !errors.As(err, &ps) || len(ps) == 0 {
			t.Fatalf("not problems: %v", err)
		}
		lines := strings.Count(string(text), "\n") + strings.Count(string(text), "\r") + 1
		for _, p := range ps {
			if p.At.File != "f/a.yaml" || p.At.Line < 0 || p.At.Line > lines+1 || p.VI == "" || p.EN == "" {
				t.Fatalf("problem %+v in %d lines", p, lines)
			}
		}
	})
}

// check reads src and checks it on its own, as if imported into an empty centre;
// with samples nil the names of samples are not looked up.
func check(ctx context.Context, src *Source, samples fs.FS) error {
	f, err := src.read()
	if err != nil {
		return err
	}
	return newBuilder(src, f, radio.Plan{}, samples).run(ctx)
}
