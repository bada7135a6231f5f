package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

// provider is an OpenID provider with real keys. The test says what its next ID token
// holds.
type provider struct {
	*httptest.Server
	t         *testing.T
	alg       jose.SignatureAlgorithm
	key, lie  crypto.Signer // what its key set tells, and another
	challenge string        // of the sign-in that is under way
	claims    map[string]any
	forge     bool   // signs with the other key
	answer    string // of the token endpoint in place of tokens
	down      bool
	asked     int // tokens asked for
}

const oidcSecret = "bí mật của máy khách"

func newProvider(t *testing.T, alg jose.SignatureAlgorithm) *provider {
	t.Helper()
	p := &provider{t: t, alg: alg}
	fresh := func() crypto.Signer {
		if alg == jose.RS256 {
			k, err := rsa.GenerateKey(rand.Reader, 2048)
			must(t, err)
			return k
		}
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		return k
	}
	p.key, p.lie = fresh(), fresh()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		if p.down {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		p.write(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/jwks",
			"id_token_signing_alg_values_supported": []string{string(alg), "HS256", "none"}})
	})
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		p.write(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k", Algorithm: string(alg), Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Error(err)
	}
}

// token changes the code for tokens, as RFC 6749 and RFC 7636 say.
func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.asked++
	id, secret, _ := r.BasicAuth()
	if user, err := url.QueryUnescape(secret); err == nil {
		secret = user
	}
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case p.answer != "":
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write([]byte(p.answer)); err != nil {
			p.t.Log(err) // the reader has had enough
		}
		return
	case id != "loaxa" || secret != oidcSecret, r.PostFormValue("code") != "the-code", base64.RawURLEncoding.EncodeToString(sum[:]) != p.challenge, r.PostFormValue("redirect_uri") != "https://loa.example/login/oidc/callback":
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	p.write(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.sign(p.claims)})
}

func (p *provider) sign(claims map[string]any) string {
	key := p.key
	if p.forge {
		key = p.lie
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: p.alg, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	must(p.t, err)
	text, err := json.Marshal(claims)
	must(p.t, err)
	jws, err := s.Sign(text)
	must(p.t, err)
	out, err := jws.CompactSerialize()
	must(p.t, err)
	return out
}

// oidcHouse is a desk with a provider, and the people lan, hoa and tat (disabled).
type oidcHouse struct {
	*second
	*OIDC
	p *provider
}

func newOIDCHouse(t *testing.T, alg jose.SignatureAlgorithm, claim, match string) *oidcHouse {
	t.Helper()
	h := &oidcHouse{second: newSecondHouse(t, openStore(t, storetest.File(t))), p: newProvider(t, alg)}
	for _, login := range []string{"lan", "hoa", "hai", "ba", "tat"} {
		who := h.person(t, login)
		email := login + "@hatinh.example"
		if login == "ba" {
			email = "hai@hatinh.example"
		}
		must(t, h.SetProfile(t.Context(), who, who.ID, radio.Profile{Name: login, Email: email}))
		if login == "tat" {
			must(t, h.s.DisablePerson(t.Context(), who.ID, "x", radio.At(h.now)))
		}
	}
	var err error
	h.OIDC, err = NewOIDC(OIDCConfig{Issuer: h.p.URL, ClientID: "loaxa", ClientSecret: oidcSecret, Claim: claim, Match: match, Redirect: "https://loa.example/login/oidc/callback"}, h.People, http.DefaultTransport)
	must(t, err)
	return h
}

// begin sends a browser to the provider: what it keeps, and the provider's good claims.
func (h *oidcHouse) begin(t *testing.T) radio.OIDCReturn {
	t.Helper()
	address, keep, err := h.Begin(t.Context())
	must(t, err)
	u, err := url.Parse(address)
	must(t, err)
	q := u.Query()
	if !strings.HasPrefix(address, h.p.URL+"/auth?") || q.Get("response_type") != "code" || q.Get("client_id") != "loaxa" || q.Get("code_challenge_method") != "S256" ||
		len(q.Get("state")) < 43 || len(q.Get("nonce")) < 43 || !strings.Contains(q.Get("scope"), "openid") {
		t.Fatalf("sent to %s", address)
	}
	if strings.Contains(keep, q.Get("state")) {
		t.Fatal("what the browser keeps is readable")
	}
	h.p.challenge = q.Get("code_challenge")
	h.p.claims = map[string]any{"iss": h.p.URL, "aud": "loaxa", "sub": "1234", "nonce": q.Get("nonce"), "iat": h.now.Unix(), "exp": h.now.Add(5 * time.Minute).Unix(),
		"preferred_username": "Lan", "email": "Lan@hatinh.example", "email_verified": true}
	return radio.OIDCReturn{State: q.Get("state"), Code: "the-code", Keep: keep, Address: "home"}
}

func TestOIDC(t *testing.T) {
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256} {
		t.Run(string(alg), func(t *testing.T) { oidcCases(t, newOIDCHouse(t, alg, "preferred_username", MatchLogin)) })
	}
}

func oidcCases(t *testing.T, h *oidcHouse) {
	ctx := t.Context()
	in, err := h.Finish(ctx, h.begin(t))
	if err != nil || in.Person.Login != "lan" || in.Session == "" || in.Device == "" {
		t.Fatalf("%+v %v", in, err)
	}
	if who, err := h.Session(ctx, in.Session); err != nil || who.Login != "lan" {
		t.Fatalf("%+v %v", who, err)
	}
	set := func(key string, value any) func(*radio.OIDCReturn) {
		return func(*radio.OIDCReturn) {
			h.p.claims = maps.Clone(h.p.claims)
			if h.p.claims[key] = value; value == nil {
				delete(h.p.claims, key)
			}
		}
	}
	for _, c := range []struct {
		name string
		do   func(*radio.OIDCReturn)
		err  error
	}{
		{"as it should be", func(*radio.OIDCReturn) {}, nil},
		{"for us among others", func(b *radio.OIDCReturn) { set("aud", []string{"loaxa", "mail"})(b); set("azp", "loaxa")(b) }, nil},
		{"for others too, made for them", func(b *radio.OIDCReturn) { set("aud", []string{"loaxa", "mail"})(b); set("azp", "mail")(b) }, ErrOIDC},
		{"for others too, made for nobody", set("aud", []string{"loaxa", "mail"}), ErrOIDC},
		{"for others", set("aud", "mail"), ErrOIDC},
		{"another nonce", set("nonce", "x"), ErrOIDC},
		{"no nonce", set("nonce", nil), ErrOIDC},
		{"another issuer", set("iss", "https://evil.example"), ErrOIDC},
		{"expired", set("exp", h.now.Add(-time.Minute).Unix()), ErrOIDC},
		{"no end", set("exp", nil), ErrOIDC},
		{"from next year", set("nbf", h.now.AddDate(1, 0, 0).Unix()), ErrOIDC},
		{"no claim", set("preferred_username", nil), ErrOIDC},
		{"a claim of another kind", set("preferred_username", 7), ErrOIDC},
		{"an empty claim", set("preferred_username", " "), ErrOIDC},
		{"an endless claim", set("preferred_username", strings.Repeat("a", 5000)), ErrOIDC},
		{"nobody here", set("preferred_username", "nguoi-la"), ErrOIDC},
		{"a disabled account", set("preferred_username", "tat"), ErrOIDC},
		{"an address is no login", set("preferred_username", "lan@hatinh.example"), ErrOIDC},
		{"signed with another key", func(*radio.OIDCReturn) { h.p.forge = true }, ErrOIDC},
		{"unsigned", func(*radio.OIDCReturn) {
			h.p.answer = `{"access_token":"x","token_type":"Bearer","id_token":"` + unsigned(t, h.p.claims) + `"}`
		}, ErrOIDC},
		{"no ID token", func(*radio.OIDCReturn) { h.p.answer = `{"access_token":"x","token_type":"Bearer"}` }, ErrOIDC},
		{"no JSON", func(*radio.OIDCReturn) { h.p.answer = `<html>` }, ErrOIDC},
		{"endless", func(*radio.OIDCReturn) { h.p.answer = `{"access_token":"` + strings.Repeat("x", 2*mostAnswer) }, ErrOIDC},
		{"another code", func(b *radio.OIDCReturn) { b.Code = "stolen" }, ErrOIDC},
		{"another PKCE verifier", func(*radio.OIDCReturn) { h.p.challenge = "x" }, ErrOIDC},
		{"another state", func(b *radio.OIDCReturn) { b.State = h.begin(t).State }, ErrOIDC},
		{"another browser's answer", func(b *radio.OIDCReturn) { b.Keep = h.begin(t).Keep }, ErrOIDC},
		{"a browser that began nothing", func(b *radio.OIDCReturn) { b.Keep = "" }, ErrOIDC},
		{"a cookie that somebody made", func(b *radio.OIDCReturn) { b.Keep = b.Keep[:len(b.Keep)-2] + "AA" }, ErrOIDC},
		{"refused there", func(b *radio.OIDCReturn) { b.Failed, b.Code = "access_denied", "" }, ErrOIDC},
		{"no code", func(b *radio.OIDCReturn) { b.Code = "" }, ErrOIDC},
		{"too late", func(*radio.OIDCReturn) { h.now = h.now.Add(boundLife) }, ErrOIDC},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.now = h.now.Add(time.Minute) // each has its turn (tries)
			back := h.begin(t)
			c.do(&back)
			in, err := h.Finish(ctx, back)
			if !errors.Is(err, c.err) || c.err == nil && in.Session == "" || c.err != nil && (in.Session != "" || in.Ticket != "" || !errors.Is(err, radio.ErrForbidden)) {
				t.Errorf("%+v %v", in, err)
			}
			h.p.forge, h.p.answer = false, ""
		})
	}
	// The second factor is asked for here, whatever the provider has asked.
	h.now = h.now.Add(time.Minute)
	hoa := h.signedIn(t, "hoa")
	h.setUp(t, hoa)
	back := h.begin(t)
	h.p.claims["preferred_username"] = "hoa"
	if in, err = h.Finish(ctx, back); err != nil || in.Session != "" || in.Ticket == "" {
		t.Fatalf("%+v %v", in, err)
	}
	if in, err = h.SignInCode(ctx, in.Ticket, h.code(t, hoa)); err != nil || in.Session == "" {
		t.Fatalf("%+v %v", in, err)
	}
	// Strangers do not make us ask the provider without end.
	asked := h.p.asked
	var err2 error
	for range 100 {
		back := radio.OIDCReturn{State: "x", Code: "y", Keep: "z"}
		if _, err2 = h.Finish(ctx, back); !errors.Is(err2, ErrOIDC) {
			t.Fatal(err2)
		}
	}
	if h.p.asked != asked {
		t.Error("the provider was asked for what this browser never began")
	}
	for range 100 {
		_, _, err2 = h.Begin(ctx)
	}
	if !errors.Is(err2, radio.ErrUnavailable) {
		t.Errorf("100 at once: %v", err2)
	}
}

func unsigned(t *testing.T, claims map[string]any) string {
	t.Helper()
	text, err := json.Marshal(claims)
	must(t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(`{"alg":"none"}`)) + "." + b64(text) + "."
}

// TestOIDCByEmail: only a verified address of exactly one account opens, and nobody gives
// themselves another.
func TestOIDCByEmail(t *testing.T) {
	h := newOIDCHouse(t, jose.ES256, "email", MatchEmail)
	ctx := t.Context()
	for _, c := range []struct {
		name, email string
		verified    any
		err         error
	}{
		{"verified", "LAN@hatinh.example", true, nil},
		{"not verified", "lan@hatinh.example", false, ErrOIDC},
		{"verified, in other words", "lan@hatinh.example", "true", ErrOIDC},
		{"not said", "lan@hatinh.example", nil, ErrOIDC},
		{"of two accounts", "hai@hatinh.example", true, ErrOIDC},
		{"of nobody", "x@hatinh.example", true, ErrOIDC},
		{"of a disabled account", "tat@hatinh.example", true, ErrOIDC},
	} {
		back := h.begin(t)
		h.p.claims["email"], h.p.claims["email_verified"] = c.email, c.verified
		if in, err := h.Finish(ctx, back); !errors.Is(err, c.err) || (err == nil) != (in.Session != "") {
			t.Errorf("%s: %+v %v", c.name, in, err)
		}
		h.now = h.now.Add(time.Minute)
	}
	lan := h.signedIn(t, "lan")
	refusedAs(t, "another address of one's own", h.SetProfile(ctx, lan, lan.ID, radio.Profile{Name: "Lan", Email: "ke-trom@evil.example"}), radio.ErrForbidden)
	must(t, h.SetProfile(ctx, lan, lan.ID, radio.Profile{Name: "Nguyễn Thị Lan", Email: "lan@hatinh.example"}))
	must(t, h.SetProfile(ctx, Operator("command:root"), lan.ID, radio.Profile{Name: "Lan", Email: "lan2@hatinh.example"}))
}

// TestOIDCProviderIsDown: the centre starts without it, says so, and asks again.
func TestOIDCProviderIsDown(t *testing.T) {
	h := newOIDCHouse(t, jose.ES256, "preferred_username", MatchLogin)
	h.p.down = true
	if _, _, err := h.Begin(t.Context()); !errors.Is(err, radio.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	h.p.down = false
	if _, err := h.Finish(t.Context(), h.begin(t)); err != nil {
		t.Error(err)
	}
}

// FuzzOIDCReturn: whatever a stranger's browser brings back, nothing opens and the
// provider is not asked.
func FuzzOIDCReturn(f *testing.F) {
	f.Add("state", "code", "keep", "")
	f.Add("", "", "", "access_denied")
	f.Add("s", "c", strings.Repeat("A", 300), "")
	s := &accounts{byLogin: map[string]radio.Account{}}
	f.Fuzz(func(t *testing.T, state, code, keep, failed string) {
		o, err := NewOIDC(OIDCConfig{Issuer: "http://127.0.0.1:1", ClientID: "x", Claim: "email", Match: MatchEmail}, newPeople(s, "", time.Now, argonCost()), noTransport{t})
		must(t, err)
		if in, err := o.Finish(t.Context(), radio.OIDCReturn{State: state, Code: code, Keep: keep, Failed: failed}); !errors.Is(err, ErrOIDC) || in.Session != "" || in.Ticket != "" {
			t.Fatalf("%+v %v", in, err)
		}
	})
}

type noTransport struct{ t *testing.T }

func (n noTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("%s was asked for", r.URL)
	return nil, errors.New("no")
}
