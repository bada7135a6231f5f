package main

import "loaxa/internal/radio"

// zoned shows an instant in this machine's zone, and names the zone: the province's people
// and the machine may live in different ones.
func zoned(m radio.Millis) string { return m.Time().Local().Format("2006-01-02 15:04:05 UTC-07:00") }

// zonedMinute is zoned for what ends in hours or days.
func zonedMinute(m radio.Millis) string { return m.Time().Local().Format("2006-01-02 15:04 UTC-07:00") }
