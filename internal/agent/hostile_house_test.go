package agent

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"loaxa/internal/agent/cache"
	"loaxa/internal/agent/enrol"
	"loaxa/internal/agent/output"
	"loaxa/internal/radio"
	"loaxa/internal/sound"
	"loaxa/internal/trust"
	"loaxa/internal/trust/trusttest"
	"loaxa/internal/wire"
)

// province holds the keys of a whole province: its documents are signed as the centre
// signs them, and the test may take any key as stolen.
type province struct {
	t        testing.TB
	id       radio.AreaID
	communes []radio.AreaID
	hamlet   radio.AreaID // of the first commune
	root     trust.Key
	online   trust.Key
	chairs   []trust.Key // one for each commune, who may alert it
	warners  []trust.Key // two of the province, who may alert
	approver trusttest.Approver
	neighbor trusttest.Approver // of the second commune
	// Revoked by the second keyring.
	goneApprover trusttest.Approver
	goneChair    trust.Key // of the first commune
	ca           *x509.Certificate
	caKey        *ecdsa.PrivateKey
}

// communesOf a province after the merger of 2025; one signer of each is to be had cheaply.
const communesOf = 69

func generate(t testing.TB) trust.Key {
	t.Helper()
	k, err := trust.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newProvince(t testing.TB) *province {
	p := &province{t: t, id: idOf[radio.AreaID]("province"), hamlet: idOf[radio.AreaID]("hamlet"), root: generate(t), online: generate(t),
		warners: []trust.Key{generate(t), generate(t)}, goneChair: generate(t)}
	for i := range communesOf {
		p.communes = append(p.communes, idOf[radio.AreaID](fmt.Sprint("commune ", i)))
		p.chairs = append(p.chairs, generate(t))
	}
	p.approver, p.goneApprover = trusttest.NewApprover(t, p.id), trusttest.NewApprover(t, p.id)
	p.neighbor = trusttest.NewApprover(t, p.communes[1])
	var err error
	if p.caKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	p.ca = p.certify(&x509.Certificate{Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, p.caKey.Public(), nil)
	return p
}

// certify issues a certificate; one for itself is the CA's.
func (p *province) certify(c *x509.Certificate, pub any, by *x509.Certificate) *x509.Certificate {
	p.t.Helper()
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().AddDate(-1, 0, 0), time.Now().AddDate(5, 0, 0)
	if by == nil {
		by = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, pub, p.caKey)
	if err != nil {
		p.t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		p.t.Fatal(err)
	}
	return c
}

// serverTLS is that of a broker or media host: whoever runs one has its key.
func (p *province) serverTLS() *tls.Config {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	leaf := p.certify(&x509.Certificate{Subject: pkix.Name{CommonName: "host"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, k.Public(), p.ca)
	return &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert,
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: k, Leaf: leaf}}}
}

// keyring is the province's: the first version still lists who is revoked by the second.
func (p *province) keyring(version int64, ends trust.Endpoints) []byte {
	p.t.Helper()
	k := trust.Keyring{Version: version, Province: p.id, Endpoints: ends,
		Online:  []trust.OnlineKey{{JWK: p.online.Public(), Kinds: wire.OnlineKinds(), Scope: p.id, NotAfter: radio.At(time.Now().AddDate(0, 1, 0))}},
		Persons: []trust.PersonKey{p.approver.Person(), p.neighbor.Person(), p.goneApprover.Person()}}
	alerter := func(name string, key trust.Key, scope radio.AreaID) {
		k.Persons = append(k.Persons, trust.PersonKey{ID: idOf[radio.UserID](name), JWK: key.Public(), Scope: scope, May: []string{trust.MayAlert}})
	}
	for i, c := range p.communes {
		alerter(fmt.Sprint("chair ", i), p.chairs[i], c)
	}
	alerter("warner 1", p.warners[0], p.id)
	alerter("warner 2", p.warners[1], p.id)
	alerter("gone", p.goneChair, p.communes[0])
	if version > 1 {
		k.Revoked = []string{p.goneApprover.Key.KID(), p.goneChair.KID()}
	}
	b, err := trust.SignKeyring(k, p.root)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

func (p *province) seal(kind wire.Kind, aud string, payload any, keys ...trust.Key) []byte {
	p.t.Helper()
	b, err := wire.Seal(kind, aud, payload, keys...)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// forge signs with a stranger's key under the name of another.
func (p *province) forge(kind wire.Kind, aud, kid string, payload any) []byte {
	p.t.Helper()
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	header, err1 := json.Marshal(map[string]string{"alg": "EdDSA", "typ": kind.Type(), "aud": aud, "kid": kid})
	body, err2 := json.Marshal(payload)
	e := trust.Envelope{Payload: base64.RawURLEncoding.EncodeToString(body)}
	protected := base64.RawURLEncoding.EncodeToString(header)
	e.Signatures = []trust.Signature{{Protected: protected, Signature: base64.RawURLEncoding.EncodeToString(ed25519.Sign(priv, []byte(protected+"."+e.Payload)))}}
	b, err3 := json.Marshal(e)
	if err := errors.Join(err1, err2, err3); err != nil {
		p.t.Fatal(err)
	}
	return b
}

// controller is one enrolled device on its own data folder.
type controller struct {
	*province
	id    radio.DeviceID
	key   trust.Key
	areas []radio.AreaID
	dir   string
	cfg   Config
}

// enrol makes a device a member, with its first keyring and audio in its cache.
func (p *province) enrol(name string, ends trust.Endpoints, shelf map[radio.SHA256][]byte) *controller {
	p.t.Helper()
	c := &controller{province: p, id: idOf[radio.DeviceID](name), key: generate(p.t), areas: []radio.AreaID{p.id, p.communes[0], p.hamlet}, dir: p.t.TempDir()}
	leaf := p.certify(&x509.Certificate{Subject: pkix.Name{CommonName: string(c.id)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
		c.key.Public().Ed25519(), p.ca)
	text := func(c *x509.Certificate) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	private, err := c.key.Marshal()
	if err != nil {
		p.t.Fatal(err)
	}
	identity, err := json.Marshal(enrol.Identity{Device: c.id, Name: name, Key: private, Certificate: text(leaf), CA: text(p.ca),
		Root: p.root.Public(), RootNumber: 1, Province: p.id, Areas: c.areas, Zone: "UTC"})
	if err != nil {
		p.t.Fatal(err)
	}
	c.cfg = DefaultConfig()
	c.cfg.Data, c.cfg.Clock.Assumed, c.cfg.Clock.RTC = filepath.Join(c.dir, "data"), true, ""
	c.cfg.Status.Listen, c.cfg.Status.Socket = "", filepath.Join(p.t.TempDir(), "s")
	c.cfg.Output = OutputConfig{Driver: output.DriverNull, Tee: filepath.Join(c.dir, "heard")}
	store, err := c.cfg.openJournal(silent)
	if err != nil {
		p.t.Fatal(err)
	}
	ring := p.keyring(1, ends)
	err = store.SetIdentity(p.t.Context(), identity, radio.Issued{Device: c.id, Document: string(wire.Keys), Revision: 1, Payload: []byte("{}"), Envelope: ring}, radio.RejoinOther)
	if err = errors.Join(err, store.Close()); err != nil {
		p.t.Fatal(err)
	}
	audio, err := cache.Open(cache.Options{Path: c.cfg.cachePath()})
	for sha, raw := range shelf {
		if err != nil {
			break
		}
		if _, err = audio.Begin(sha, int64(len(raw))); err == nil {
			err = errors.Join(audio.Put(sha, raw), audio.Commit(sha))
		}
	}
	if err = errors.Join(err, audio.Close()); err != nil {
		p.t.Fatal(err)
	}
	return c
}

// run starts the whole agent; stop ends it in good order, which proves that it has lived.
func (c *controller) run() (stop func()) {
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	a := New(c.cfg, []string{"env", bePlayer + "=1", self}, silent)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				c.t.Errorf("the agent ended with %v", err)
			}
		})
	}
	c.t.Cleanup(stop)
	return stop
}

// heard gives what came out of the loudspeaker: every session's samples.
func (c *controller) heard() (sessions [][]int16) {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join(c.cfg.Output.Tee, "*.wav*"))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, ".json") || strings.HasSuffix(f, ".json.part") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			c.t.Fatal(err)
		}
		const header = 44
		pcm := make([]int16, max(len(b)-header, 0)/2)
		for i := range pcm {
			pcm[i] = int16(binary.LittleEndian.Uint16(b[header+2*i:]))
		}
		sessions = append(sessions, pcm)
	}
	return sessions
}

// loud counts the samples that are no silence.
func loud(sessions [][]int16) (n int) {
	for _, s := range sessions {
		for _, v := range s {
			if v != 0 {
				n++
			}
		}
	}
	return n
}

// inHouse describes audio in house format and decodes it.
func inHouse(t testing.TB, raw []byte, head int) (radio.Rendition, []int16) {
	t.Helper()
	w, err := sound.Walk(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r := radio.Rendition{SHA256: w.SHA256, Kbps: w.Kbps, Bytes: w.Bytes, Frames: w.Frames, Head: head, Samples: int64(w.Frames)*radio.FrameSamples - int64(head)}
	d, err := sound.NewDecoder(bytes.NewReader(raw), sound.SpanOf(r))
	if err != nil {
		t.Fatal(err)
	}
	var pcm []int16
	for buf := make([]int16, 4096); ; {
		n, err := d.Read(buf)
		pcm = append(pcm, buf[:n]...)
		if errors.Is(err, io.EOF) {
			return r, pcm
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// hostile is an MQTT broker and a media host in the test's hands, with certificates that
// the device believes.
type hostile struct {
	t      testing.TB
	server *mochi.Server
	ends   trust.Endpoints
	device *controller
	online trust.Key
	files  map[radio.SHA256][]byte

	mu       sync.Mutex
	changed  chan struct{}
	reported radio.Status
	records  map[uint64]radio.Record
	journal  radio.JournalID
	asked    map[string]int // of the media host, by hash
	settings radio.Settings
	told     chan said
}

// said is one message of the device.
type said struct {
	topic   wire.Topic
	payload []byte
}

func newHostile(p *province) *hostile {
	h := &hostile{t: p.t, online: p.online, files: map[radio.SHA256][]byte{}, changed: make(chan struct{}), records: map[uint64]radio.Record{},
		asked: map[string]int{}, told: make(chan said, 1000)}
	caps := mochi.NewDefaultServerCapabilities()
	caps.MaximumClientWritesPending = 256 // what this test floods the device with is not to pile up in the test
	h.server = mochi.New(&mochi.Options{InlineClient: true, Capabilities: caps, Logger: slog.New(slog.DiscardHandler)})
	l := listeners.NewTCP(listeners.Config{ID: "hostile", Address: "127.0.0.1:0", TLSConfig: p.serverTLS()})
	err := errors.Join(h.server.AddHook(&ear{h: h}, nil), h.server.AddListener(l))
	if err == nil {
		err = h.server.Serve()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	media := httptest.NewUnstartedServer(http.HandlerFunc(h.serveMedia))
	media.TLS = p.serverTLS()
	media.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	media.StartTLS()
	h.ends = trust.Endpoints{Brokers: []string{"mqtts://" + l.Address()}, Media: []string{media.URL}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); h.listen(ctx) }()
	p.t.Cleanup(func() {
		media.Close()
		if err := h.server.Close(); err != nil {
			p.t.Error(err)
		}
		cancel()
		<-done
	})
	return h
}

func (h *hostile) serveMedia(w http.ResponseWriter, r *http.Request) {
	sha := strings.TrimPrefix(r.URL.Path, wire.MediaPath)
	h.mu.Lock()
	h.asked[sha]++
	raw, ok := h.files[radio.SHA256(sha)]
	h.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", `"`+sha+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(raw))
}

// ear lets everybody in and hears what the device says.
type ear struct {
	mochi.HookBase
	h      *hostile
	packet atomic.Uint32 // as the device numbers what waits for its answer
}

// devicePacket stands for the device's numbers: the library keeps them in one list with
// its own, and refuses a subscription when the two meet.
const devicePacket = 65535

func (*ear) ID() string { return "ear" }
func (*ear) Provides(b byte) bool {
	return bytes.IndexByte([]byte{mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnPublish, mochi.OnPacketRead, mochi.OnPacketEncode}, b) >= 0
}
func (e *ear) OnPacketRead(_ *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if kind := pk.FixedHeader.Type; (kind == packets.Publish || kind == packets.Subscribe) && pk.PacketID != 0 {
		e.packet.Store(uint32(pk.PacketID))
		pk.PacketID = devicePacket
	}
	return pk, nil
}
func (e *ear) OnPacketEncode(_ *mochi.Client, pk packets.Packet) packets.Packet {
	if kind := pk.FixedHeader.Type; (kind == packets.Puback || kind == packets.Suback) && pk.PacketID == devicePacket {
		pk.PacketID = uint16(e.packet.Load())
	}
	return pk
}
func (*ear) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }
func (*ear) OnACLCheck(*mochi.Client, string, bool) bool              { return true }
func (e *ear) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if t, err := wire.ParseTopic(pk.TopicName); err == nil && t.Up && !cl.Net.Inline {
		e.h.told <- said{t, bytes.Clone(pk.Payload)}
	}
	return pk, nil
}

// listen keeps what the device says, and acknowledges its journal as the centre does: even
// a hostile broker lets that pass when it serves it.
func (h *hostile) listen(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-h.told:
			h.hear(m)
		}
	}
}

func (h *hostile) hear(m said) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.device
	lookup := trust.Only(c.key.Public())
	var err error
	switch m.topic.Kind {
	case wire.Reported:
		var s radio.Status
		if err = wire.Unseal(wire.Reported, string(c.id), m.payload, lookup, &s); err == nil {
			h.reported = s
		}
	case wire.Journal:
		var batch wire.JournalPayload
		if err = wire.Unseal(wire.Journal, string(c.id), m.payload, lookup, &batch); err != nil {
			break
		}
		h.journal = batch.Journal
		last, link := batch.First-1, batch.Prev
		for _, raw := range batch.Records {
			r, perr := radio.ParseRecord(raw)
			err = errors.Join(err, perr)
			last++
			link = trust.NextHash(link, raw)
			h.records[last] = r
		}
		ack, serr := wire.Seal(wire.Ack, string(c.id), wire.AckPayload{Device: c.id, Journal: batch.Journal, Upto: last, Hash: link}, h.online)
		if err = errors.Join(err, serr); err == nil {
			err = h.server.Publish(wire.DownTopic(c.id, wire.Ack), ack, false, 1)
		}
	}
	if err != nil {
		h.t.Errorf("the device says %s: %v", m.topic, err)
	}
	close(h.changed)
	h.changed = make(chan struct{})
}

// send delivers a message to the device.
func (h *hostile) send(topic string, data []byte) { h.deliver(topic, data, false, 1) }

func (h *hostile) deliver(topic string, data []byte, retain bool, qos byte) {
	h.t.Helper()
	if err := h.server.Publish(topic, data, retain, qos); err != nil {
		h.t.Fatal(err)
	}
}

// down delivers on one of the device's own topics.
func (h *hostile) down(kind wire.Kind, data []byte) {
	h.t.Helper()
	h.deliver(wire.DownTopic(h.device.id, kind), data, kind.Retained(), 1)
}

// until waits for what the device has said.
func (h *hostile) until(what string, ok func() bool) {
	h.t.Helper()
	deadline := time.After(2 * time.Minute) // of a machine that runs other tests too
	for {
		h.mu.Lock()
		changed, is := h.changed, ok()
		s := h.reported
		h.mu.Unlock()
		if is {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			h.t.Fatalf("never: %s; next %+v last %+v policy %+v; last report: revisions %+v, faults %+v, sounding %+v, link %+v", what, s.Next, s.Last, s.Rules, s.Revisions, s.Faults, s.Sounding, s.Link)
		}
	}
}

// settle sends new settings, signed as they should be, and waits until the device reports
// them: all that was sent before has then been dealt with, and there was time to sound.
func (h *hostile) settle() {
	h.t.Helper()
	h.mu.Lock()
	h.settings.Revision++
	s := h.settings
	h.mu.Unlock()
	again := time.NewTicker(3 * time.Second) // a flood may have swept it away
	defer again.Stop()
	stop := make(chan struct{})
	var sending sync.WaitGroup
	defer sending.Wait()
	defer close(stop)
	signed, err := wire.Seal(wire.Settings, string(h.device.id), s, h.online)
	if err != nil {
		h.t.Fatal(err)
	}
	h.down(wire.Settings, signed)
	sending.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-again.C:
				if err := h.server.Publish(wire.DownTopic(h.device.id, wire.Settings), signed, true, 1); err != nil {
					h.t.Error(err)
				}
			}
		}
	})
	h.until("the device has dealt with all that was sent", func() bool { return h.reported.Revisions.Settings >= s.Revision })
}

func (h *hostile) journalID() radio.JournalID {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.journal
}

// results are the airings and cycles that the journal says are over.
func (h *hostile) results() (list []radio.Confirmation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.records {
		if r.Result != nil {
			list = append(list, *r.Result)
		}
	}
	return list
}
