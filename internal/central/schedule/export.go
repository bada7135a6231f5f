package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"loaxa/internal/radio"
)

// Formats of files of schedules.
const (
	FormatYAML = "yaml"
	FormatCSV  = "csv"
	FormatXLSX = "xlsx"
)

// write makes a file of schedules in one of the formats.
func write(forms []radio.ScheduleForm, format string, notes []string) ([]byte, error) {
	switch format {
	case FormatYAML:
		return writeYAML(forms), nil
	case FormatCSV:
		return writeCSV(tableRows(forms))
	case FormatXLSX:
		return writeXLSX(tableRows(forms), notes)
	}
	return nil, fmt.Errorf("%w: format %q, want yaml, csv or xlsx", radio.ErrInvalid, clip(format))
}

// writeYAML writes our own format, as the importer reads it.
func writeYAML(forms []radio.ScheduleForm) []byte {
	var b strings.Builder
	b.WriteString("schedules:\n")
	line := func(indent, key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s%s: %s\n", indent, key, value)
		}
	}
	for _, f := range forms {
		fmt.Fprintf(&b, "  - code: %s\n", quote(f.Code))
		line("    ", "title", quote(f.Title))
		line("    ", "area", quote(f.Area))
		line("    ", "campaign", quote(f.Campaign))
		line("    ", "priority", string(f.Priority))
		b.WriteString("    targets:\n")
		for _, t := range f.Targets {
			if t.Device != "" {
				fmt.Fprintf(&b, "      - device: %s\n", quote(t.Device))
			} else {
				fmt.Fprintf(&b, "      - area: %s\n", quote(t.Area))
			}
		}
		line("    ", "from", string(f.From))
		line("    ", "until", string(f.Until))
		if len(f.Except) > 0 {
			b.WriteString("    except:\n")
			for _, d := range f.Except {
				fmt.Fprintf(&b, "      - %s\n", d)
			}
		}
		if f.GraceSeconds != nil {
			fmt.Fprintf(&b, "    grace: %ds\n", *f.GraceSeconds)
		}
		b.WriteString("    slots:\n")
		for _, s := range f.Slots {
			fmt.Fprintf(&b, "      - code: %s\n", quote(s.Code))
			if s.Cron != "" && s.Again == 0 {
				line("        ", "cron", quote(s.Cron))
			} else {
				writeWhen(line, s)
			}
			b.WriteString("        items:\n")
			for _, it := range s.Items {
				fmt.Fprintf(&b, "          - code: %s\n            bulletin: %s\n", quote(it.Code), quote(it.Bulletin))
				if it.Repeat != 1 {
					fmt.Fprintf(&b, "            repeat: %d\n", it.Repeat)
				}
				if it.GapMS != 0 {
					fmt.Fprintf(&b, "            gap: %dms\n", it.GapMS)
				}
				if len(it.Variants) > 0 {
					b.WriteString("            variants:\n")
				}
				for _, v := range it.Variants {
					kind, code := "area", v.Area
					if v.Device != "" {
						kind, code = "device", v.Device
					}
					fmt.Fprintf(&b, "              - %s: %s\n                bulletin: %s\n", kind, quote(code), quote(v.Bulletin))
				}
			}
		}
	}
	return []byte(b.String())
}

// writeWhen writes times and days where one cron rule does not say them.
func writeWhen(line func(indent, key, value string), s radio.FormSlot) {
	list := func(key string, n int, of func(int) string) {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = of(i)
		}
		if n > 0 {
			line("        ", key, "["+strings.Join(parts, ", ")+"]")
		}
	}
	list("times", len(s.Times), func(i int) string { return quote(s.Times[i]) })
	list("weekdays", len(s.Weekdays), func(i int) string { return strconv.Itoa(s.Weekdays[i]) })
	list("month_days", len(s.MonthDays), func(i int) string { return strconv.Itoa(s.MonthDays[i]) })
	line("        ", "day", string(s.Day))
	list("dates", len(s.Dates), func(i int) string { return string(s.Dates[i]) })
	if s.Again > 0 {
		line("        ", "again", strconv.Itoa(s.Again))
		line("        ", "every_minutes", strconv.Itoa(s.EveryMinutes))
	}
}

// quote writes a YAML scalar in double quotes; "" for nothing. What is not seen when it
// is printed is written by its number.
func quote(s string) string {
	if s == "" {
		return ""
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == ' ' || unicode.IsGraphic(c) && !unicode.IsSpace(c):
			b.WriteRune(c)
		case c > 0xFFFF:
			fmt.Fprintf(&b, `\U%08X`, c)
		default:
			fmt.Fprintf(&b, `\u%04X`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// formRows writes one schedule as rows of the flat table.
func formRows(f radio.ScheduleForm) [][]string {
	var rows [][]string
	for _, s := range f.Slots {
		for i, it := range s.Items {
			v := map[string]string{"code": f.Code, "slot": s.Code, "item": it.Code, "bulletin": it.Bulletin, "repeat": strconv.Itoa(max(it.Repeat, 1))}
			if it.GapMS != 0 {
				v["gap"] = strconv.FormatFloat(float64(it.GapMS)/1000, 'f', -1, 64)
			}
			if len(rows) == 0 {
				headRow(f, v)
			}
			if i == 0 {
				v["times"], v["days"], v["cron"] = whenCells(s, f.From, f.Until)
				if s.Again > 0 && v["cron"] == "" {
					v["again"], v["every_minutes"] = strconv.Itoa(s.Again), strconv.Itoa(s.EveryMinutes)
				}
			}
			v["variants"] = variantCell(it.Variants)
			row := make([]string, len(columns))
			for j, c := range columns {
				row[j] = v[c.key]
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func headRow(f radio.ScheduleForm, v map[string]string) {
	v["title"], v["area"], v["campaign"] = f.Title, f.Area, f.Campaign
	v["priority"] = "thông thường"
	if f.Priority == radio.Prior {
		v["priority"] = "ưu tiên"
	}
	targets := make([]string, len(f.Targets))
	for i, t := range f.Targets {
		if targets[i] = t.Area; t.Device != "" {
			targets[i] = "cụm:" + t.Device
		}
	}
	v["targets"] = strings.Join(targets, ", ")
	v["from"], v["until"] = dateCell(f.From), dateCell(f.Until)
	except := make([]string, len(f.Except))
	for i, d := range f.Except {
		except[i] = dateCell(d)
	}
	v["except"] = strings.Join(except, ", ")
	if f.GraceSeconds != nil {
		v["grace"] = strconv.Itoa(*f.GraceSeconds)
	}
}

// dateCell writes a date as people do.
func dateCell(d radio.Date) string {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return string(d)
	}
	return t.Format("02/01/2006")
}

// whenCells writes times and days, or the rule where they would not say exactly it.
func whenCells(s radio.FormSlot, from, until radio.Date) (times, days, cron string) {
	w, ok := readRule(s.Cron, from, until)
	if s.Again == 0 && s.Cron != "" && (!ok || !slices.Equal(w.rules(), []string{s.Cron})) {
		return "", "", s.Cron
	}
	switch {
	case s.Day != "":
		days = dateCell(s.Day)
	case len(s.Dates) > 0:
		dates := make([]string, len(s.Dates))
		for i, d := range s.Dates {
			dates[i] = dateCell(d)
		}
		days = strings.Join(dates, ", ")
	case len(s.MonthDays) > 0:
		days = "ngày " + strings.ReplaceAll(numbers(s.MonthDays), ",", ", ")
	case len(s.Weekdays) > 0:
		days = weekdayCell(s.Weekdays)
	default:
		days = "hằng ngày"
	}
	return strings.Join(s.Times, ", "), days, ""
}

// weekdayCell writes T2-T7, CN.
func weekdayCell(days []int) string {
	names := [...]string{"T2", "T3", "T4", "T5", "T6", "T7", "CN"}
	var parts []string
	for part := range strings.SplitSeq(numbers(days), ",") {
		a, b, ranged := strings.Cut(part, "-")
		first, err1 := strconv.Atoi(a)
		if err1 != nil || first < 1 || first > 7 {
			continue
		}
		name := names[first-1]
		if last, err := strconv.Atoi(b); ranged && err == nil && last <= 7 {
			name += "-" + names[last-1]
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, ", ")
}
