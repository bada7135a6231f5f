package central

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"loaxa/internal/central/library"
	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

var backupRows = flag.Int("backup-rows", 20_000, "rows of the log that BenchmarkBackup copies")

// BenchmarkBackup measures a backup, its check and its way back, of a log of so many rows
// with a hundred files of 60 KB beside it: go test -run '^$' -bench Backup -benchtime 1x
// ./internal/central -args -backup-rows 1000000
func BenchmarkBackup(b *testing.B) {
	cfg := DefaultConfig()
	cfg.Data = b.TempDir()
	fillForBackup(b, cfg)
	dir := b.TempDir()
	var n int
	for b.Loop() {
		n++
		path := filepath.Join(dir, fmt.Sprintf("b%d.tar.gz", n))
		began := time.Now()
		m, err := Backup(b.Context(), cfg, path, time.Now())
		if err != nil {
			b.Fatal(err)
		}
		made := time.Now()
		if _, err := CheckBackup(b.Context(), path); err != nil {
			b.Fatal(err)
		}
		checked := time.Now()
		back := cfg
		back.Data = filepath.Join(dir, fmt.Sprint(n))
		if _, err := Restore(b.Context(), back, path, "", time.Now()); err != nil {
			b.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(made.Sub(began).Seconds(), "s/backup")
		b.ReportMetric(checked.Sub(made).Seconds(), "s/check")
		b.ReportMetric(time.Since(checked).Seconds(), "s/restore")
		b.ReportMetric(float64(info.Size())/1e6, "MB/archive")
		b.ReportMetric(float64(m.Bytes())/1e6, "MB/plain")
	}
}

func fillForBackup(b *testing.B, cfg Config) {
	b.Helper()
	s, err := store.Open(b.Context(), cfg.dsn())
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}()
	plan := storetest.SamplePlan()
	if err := s.ApplyPlan(b.Context(), plan); err != nil {
		b.Fatal(err)
	}
	const group = 2000
	for at := 0; at < *backupRows; at += group {
		changes := make([]radio.AsRunChange, min(group, *backupRows-at))
		for i := range changes {
			changes[i] = rowForBackup(plan, at+i)
		}
		if err := s.Log(b.Context(), func(tx *store.LogTx) error { return tx.PutAsRuns(b.Context(), changes) }); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 100 {
		noise := make([]byte, 60_000) // incompressible, as MP3 is
		seed := uint64(i + 1)
		for j := range noise {
			seed = seed*6364136223846793005 + 1442695040888963407
			noise[j] = byte(seed >> 33)
		}
		keepNoise(b, cfg, noise)
	}
}

// rowForBackup is an airing that was confirmed: ten slots a day on a hundred devices.
func rowForBackup(plan radio.PlanChange, n int) radio.AsRunChange {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n/100) * 144 * time.Minute)
	key := radio.AiringKey{
		Device: radio.IDFromBytes[radio.DeviceID]([16]byte{1, 15: byte(n % 100)}), Schedule: plan.Schedules[0].ID, Slot: plan.Schedules[0].Slots[0].ID,
		SlotAt: radio.At(start), Entry: plan.Schedules[0].Slots[0].Items[0].ID, Repeat: 1,
	}
	row := radio.AsRun{
		Airing: key.ID(), Key: key, Origin: radio.FromSchedule, Day: radio.DateOf(start), Start: radio.At(start), Samples: 441_000, Priority: radio.Normal,
		Revision: 1, Held: 1, FrozenAt: radio.At(start), Deadline: radio.At(start), Campaign: plan.Campaigns[0].ID,
		Province: plan.Areas[0].ID, Commune: plan.Areas[1].ID, Hamlet: plan.Areas[2].ID, DeviceCode: fmt.Sprint("loa-", n%100), DeviceName: "Cụm loa",
		CommuneName: "Xã Cẩm Xuyên", HamletName: "Thôn 1", Bulletin: plan.Bulletins[0].ID, Version: 1, Title: plan.Bulletins[0].Title,
		SHA256: plan.Bulletins[0].Renditions[0].SHA256, ScheduleCode: "sang", ScheduleTitle: "Buổi sáng",
		Outcome: radio.Aired, From: radio.WordDevice, StartedAt: radio.At(start), Consumed: 441_000, Expected: 441_000, Proof: "consumed", Clock: "trusted",
		KnownAt: radio.At(start), Words: 1,
	}
	word := radio.Word{Airing: row.Airing, N: 1, KnownAt: row.KnownAt, From: row.From, Outcome: row.Outcome, StartedAt: row.StartedAt, Consumed: row.Consumed,
		Expected: row.Expected, Proof: row.Proof, Clock: row.Clock, Journal: radio.IDFromBytes[radio.JournalID]([16]byte{2, 15: byte(n % 100)}), Seq: uint64(n)}
	return radio.AsRunChange{Row: row, Words: []radio.Word{word}}
}

func keepNoise(b *testing.B, cfg Config, noise []byte) {
	b.Helper()
	sum := sha256.Sum256(noise)
	k := library.Kept{SHA256: radio.SHA256(hex.EncodeToString(sum[:]))}
	if err := library.NewFiles(cfg.dir("audio")).Keep(context.Background(), k, bytes.NewReader(noise)); err != nil {
		b.Fatal(err)
	}
}
