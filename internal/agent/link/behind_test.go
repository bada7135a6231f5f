package link

import (
	"strings"
	"testing"
	"time"

	"loaxa/internal/mqtt"
)

// A centre restored behind an external broker breaks no connection and answers batches
// it cannot join on with a lower watermark, which an acknowledgement never takes back:
// only a hello brings the two in step, and it must not wait for its six hours.
func TestHelloWhenTheJournalDoesNotMove(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		stop := l.run()
		l.client().connect()
		l.after(time.Second)
		l.journal.write(100)
		l.after(time.Second)
		if err := l.journal.Ack(t.Context(), "A", 60, nil); err != nil {
			t.Fatal(err)
		}
		l.welcome(60)
		l.after(90 * time.Second) // 61–100 go again and again, and nothing moves
		l.want("hello", "hello @0", "hello @62")
		l.welcome(20)
		if got := l.lines("journal"); !strings.HasPrefix(got[len(got)-1], "journal A 21-70") {
			t.Errorf("%q", got)
		}
		// Asked once for one batch: a centre in trouble is not flooded with hellos.
		l.after(65 * time.Second)
		l.welcome(20)
		l.after(time.Hour)
		l.want("hello", "hello @0", "hello @62", "hello @152")
		stop()
	})
}

// The broker is not trusted: whatever it sends faster than the disk takes it must find
// room on a board with 64 MB.
func TestAFloodFindsLittleRoom(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		stop := l.run()
		if room := l.client().opts.Queue * mqtt.MaxPacket; room <= 0 || room > 8<<20 {
			t.Errorf("messages that wait may take %d bytes", room)
		}
		stop()
	})
}
