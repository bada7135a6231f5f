package broker

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// groupCommit is an Ingest that answers many callers with one pretended commit, as
// the real one does: at most 2,000 rows or 5 ms.
type groupCommit struct {
	in      chan chan error
	commits atomic.Int64
}

func (g *groupCommit) Message(ctx context.Context, _, _ string, _ []byte) error {
	done := make(chan error, 1)
	select {
	case g.in <- done:
		return <-done
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *groupCommit) run(ctx context.Context) {
	for {
		var group []chan error
		select {
		case first := <-g.in:
			group = append(group, first)
		case <-ctx.Done():
			return
		}
		limit := time.NewTimer(5 * time.Millisecond)
	gather:
		for len(group) < 2000 {
			select {
			case next := <-g.in:
				group = append(group, next)
			case <-limit.C:
				break gather
			}
		}
		limit.Stop()
		g.commits.Add(1)
		for _, done := range group {
			done <- nil
		}
	}
}

// BenchmarkIngest: devices that publish as fast as their PUBACKs come, over real
// connections, broker and devices in this process.
func BenchmarkIngest(b *testing.B) {
	for _, devices := range []int{200, 1000} {
		b.Run(fmt.Sprintf("devices=%d", devices), func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			sink := &groupCommit{in: make(chan chan error, 2000)}
			broker, err := NewEmbedded(Options{
				Listen: "127.0.0.1:0", InsecureLoopback: true, Access: &access{}, Ingest: sink,
				Limits: Limits{Rate: 1_000_000},
			})
			if err != nil {
				b.Fatal(err)
			}
			var parts sync.WaitGroup
			parts.Go(func() { sink.run(ctx) })
			parts.Go(func() {
				if err := broker.Run(ctx); err != nil {
					b.Error(err)
				}
			})
			<-broker.Ready()
			conns := make([]net.Conn, devices)
			for i := range conns {
				conns[i] = benchLogin(b, broker.Addr().String(), fmt.Sprint(i))
			}
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var work sync.WaitGroup
			for i, conn := range conns {
				work.Go(func() { benchPublish(b, conn, fmt.Sprintf("loaxa/v1/d/%d/up/journal", i), &left) })
			}
			work.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
			b.ReportMetric(float64(b.N)/float64(max(1, sink.commits.Load())), "messages/commit")
			cancel()
			parts.Wait()
			for _, conn := range conns {
				conn.Close()
			}
		})
	}
}

func benchLogin(b *testing.B, addr, id string) net.Conn {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	if err := (&device{conn: conn}).trySend(connect(id)); err != nil {
		b.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 4)); err != nil {
		b.Fatal(err)
	}
	return conn
}

// benchPublish takes its share of what is left. One message is always under way, so
// the next four bytes are always its PUBACK.
func benchPublish(b *testing.B, conn net.Conn, topic string, left *atomic.Int64) {
	payload, puback := make([]byte, 300), make([]byte, 4)
	d := &device{conn: conn}
	for n := uint16(1); left.Add(-1) >= 0; n = n%60000 + 1 {
		err := d.trySend(packets.Packet{
			FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1}, PacketID: n, TopicName: topic, Payload: payload,
		})
		if err == nil {
			_, err = conn.Read(puback)
		}
		if err != nil {
			b.Error(err)
			return
		}
	}
}
