// Package radio is the vocabulary of the house: areas and devices, bulletins and
// their audio, schedules, programmes, policies, airings and their outcomes, with
// the rules each of them carries. It does no input or output. Every other package
// receives these types and hands them on; the words here are the words in SQL,
// JSON, topics and logs (design §3).
//
// Instants are UTC and cross every border as integer milliseconds since 1970
// (type Millis); civil time appears only in package timetable and on screens.
package radio

import (
	"time"
)

// Millis is an instant in milliseconds since 1970-01-01T00:00:00Z. It is the
// form of every instant in JSON, SQL and records.
type Millis int64

// At turns a time into Millis, dropping what is finer than a millisecond.
func At(t time.Time) Millis { return Millis(t.UnixMilli()) }

// Time gives the instant as a UTC time.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

// Add moves the instant by d, in whole milliseconds.
func (m Millis) Add(d time.Duration) Millis { return m + Millis(d.Milliseconds()) }

// Sub gives the time from o to m.
func (m Millis) Sub(o Millis) time.Duration { return time.Duration(m-o) * time.Millisecond }
