package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/time/rate"

	"loaxa/internal/radio"
)

// Claims by which another's word finds an account here.
const (
	MatchLogin = "login" // the claim's value is the login
	MatchEmail = "email" // it is the e-mail address of exactly one account
)

// OIDCConfig is the provider that people sign in with (OpenID Connect Core 1.0,
// authorization code flow with PKCE).
type OIDCConfig struct {
	Issuer, ClientID, ClientSecret string
	// Claim of the ID token, such as preferred_username or email; Match is what it is here.
	Claim, Match string
	// Redirect is the address of ours to which the provider sends people back.
	Redirect string
}

// boundLife is how long somebody may take at the provider.
const boundLife = 10 * time.Minute

// mostAnswer bounds what the provider answers, in bytes.
const mostAnswer = 1 << 20

// OIDC signs people in on a provider's word. It makes no accounts: who is unknown here, or
// disabled, stays out, and who has a second factor here is asked for it. Safe for
// concurrent use.
type OIDC struct {
	cfg    OIDCConfig
	people *People
	client *http.Client
	tries  *rate.Limiter
	// key seals what binds a sign-in to its browser; it dies with the process.
	key []byte

	mu       sync.Mutex
	provider *oidc.Provider // nil until it has answered once
}

// NewOIDC stores what it is given and asks nobody; transport reaches the provider.
func NewOIDC(cfg OIDCConfig, people *People, transport http.RoundTripper) (*OIDC, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make a key for sign-ins: %w", err)
	}
	people.emailOpens.Store(cfg.Match == MatchEmail)
	return &OIDC{cfg: cfg, people: people, key: key, tries: rate.NewLimiter(5, 40),
		client: &http.Client{Transport: boundedAnswers{transport}, Timeout: 10 * time.Second}}, nil
}

// boundedAnswers cuts answers that are too long.
type boundedAnswers struct{ next http.RoundTripper }

func (b boundedAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, mostAnswer), resp.Body}
	}
	return resp, err
}

// bound is what a browser holds, sealed, while its person is at the provider.
type bound struct {
	State    string       `json:"state"`
	Nonce    string       `json:"nonce"`
	Verifier string       `json:"verifier"`
	Until    radio.Millis `json:"until"`
}

// oidcSeal marks what Begin has sealed.
const oidcSeal = "loaxa oidc"

func (o *OIDC) ask(ctx context.Context) (context.Context, *oidc.Provider, *oauth2.Config, error) {
	ctx = oidc.ClientContext(ctx, o.client)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider == nil {
		// A provider that does not answer now must not keep the centre from starting, nor
		// be asked for ever: the next sign-in asks again.
		p, err := oidc.NewProvider(ctx, o.cfg.Issuer)
		if err != nil {
			return ctx, nil, nil, fmt.Errorf("%w: %w", noProvider(), err)
		}
		o.provider = p
	}
	return ctx, o.provider, &oauth2.Config{ClientID: o.cfg.ClientID, ClientSecret: o.cfg.ClientSecret, Endpoint: o.provider.Endpoint(),
		RedirectURL: o.cfg.Redirect, Scopes: []string{oidc.ScopeOpenID, "profile", "email"}}, nil
}

func noProvider() error {
	return radio.Refuse(radio.ErrUnavailable, "Hệ thống đăng nhập chung chưa trả lời. Hãy thử lại sau, hoặc đăng nhập bằng mật khẩu.", "the sign-in service does not answer: try again later, or sign in with your password")
}

// ErrOIDC says that the provider's word opens nothing; the log tells why.
var ErrOIDC = radio.Refuse(radio.ErrForbidden, "Không đăng nhập được bằng hệ thống đăng nhập chung. Hãy thử lại từ đầu; nếu vẫn không được, hãy liên hệ quản trị viên.", "signing in by the sign-in service did not work: begin anew, or ask an administrator")

// Begin gives the provider's address to send the browser to, and what the browser keeps
// until it comes back.
func (o *OIDC) Begin(ctx context.Context) (address, keep string, err error) {
	if !o.tries.AllowN(o.people.now(), 1) {
		return "", "", crowded{}
	}
	_, _, cfg, err := o.ask(ctx)
	if err != nil {
		return "", "", err
	}
	b := bound{Verifier: oauth2.GenerateVerifier(), Until: radio.At(o.people.now().Add(boundLife))}
	if b.State, err = secret(); err != nil {
		return "", "", err
	}
	if b.Nonce, err = secret(); err != nil {
		return "", "", err
	}
	text, err := json.Marshal(b)
	if err != nil {
		return "", "", fmt.Errorf("seal a sign-in: %w", err)
	}
	aead, err := gcm(o.key)
	if err != nil {
		return "", "", err
	}
	keep = base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, text, []byte(oidcSeal)))
	return cfg.AuthCodeURL(b.State, oidc.Nonce(b.Nonce), oauth2.S256ChallengeOption(b.Verifier)), keep, nil
}

// Finish opens a session on the provider's word, or gives a ticket to who has a second
// factor. ErrOIDC wraps whatever is wrong.
func (o *OIDC) Finish(ctx context.Context, back radio.OIDCReturn) (radio.SignedIn, error) {
	none := radio.SignedIn{}
	b, err := o.unseal(back)
	if err != nil {
		return none, fmt.Errorf("%w: %w", ErrOIDC, err)
	}
	if !o.tries.AllowN(o.people.now(), 1) {
		return none, crowded{}
	}
	claims, err := o.claims(ctx, b, back.Code)
	if errors.Is(err, radio.ErrUnavailable) {
		return none, err
	}
	if err != nil {
		return none, fmt.Errorf("%w: %w", ErrOIDC, err)
	}
	a, err := o.account(ctx, claims)
	if err != nil {
		return none, fmt.Errorf("%w: %w", ErrOIDC, err)
	}
	return o.people.proven(ctx, a, fromDevice(a.Login, "", back.Address), "")
}

// unseal reads what the browser kept: the answer must be to what this very browser asked.
func (o *OIDC) unseal(back radio.OIDCReturn) (bound, error) {
	var b bound
	if back.Failed != "" {
		return b, fmt.Errorf("the provider says %.100q", back.Failed)
	}
	if len(back.Keep) > 2000 || len(back.State) > 200 || len(back.Code) > 4000 || back.Code == "" {
		return b, errors.New("not an answer of a provider")
	}
	sealed, err := base64.RawURLEncoding.DecodeString(back.Keep)
	if err != nil {
		return b, errors.New("the browser kept nothing of this sign-in")
	}
	aead, err := gcm(o.key)
	if err != nil {
		return b, err
	}
	text, err := aead.Open(nil, nil, sealed, []byte(oidcSeal))
	if err != nil {
		return b, errors.New("the browser kept nothing of this sign-in")
	}
	if err := json.Unmarshal(text, &b); err != nil {
		return b, fmt.Errorf("read a sign-in: %w", err)
	}
	switch {
	case radio.At(o.people.now()) >= b.Until:
		return b, errors.New("the sign-in took too long")
	case subtle.ConstantTimeCompare([]byte(b.State), []byte(back.State)) != 1:
		return b, errors.New("another state than this browser was given")
	}
	return b, nil
}

// claims changes the code for an ID token and proves it: signature, issuer, audience,
// time, and that it is for this very sign-in.
func (o *OIDC) claims(ctx context.Context, b bound, code string) (map[string]any, error) {
	ctx, provider, cfg, err := o.ask(ctx)
	if err != nil {
		return nil, err
	}
	tokens, err := cfg.Exchange(ctx, code, oauth2.VerifierOption(b.Verifier))
	if err != nil {
		return nil, fmt.Errorf("change the code for a token: %w", err)
	}
	raw, ok := tokens.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("the provider gave no ID token")
	}
	token, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: o.cfg.ClientID, Now: o.people.now}).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return nil, fmt.Errorf("read the ID token: %w", err)
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(b.Nonce)) != 1:
		return nil, errors.New("the ID token is for another sign-in")
	case len(token.Audience) > 1 && claims["azp"] != o.cfg.ClientID: // OpenID Connect Core §3.1.3.7, 4 and 5
		return nil, errors.New("the ID token is for others too, and was not made for us")
	}
	return claims, nil
}

// account finds whose claim it is. An address that the provider has not verified says
// nothing.
func (o *OIDC) account(ctx context.Context, claims map[string]any) (radio.Account, error) {
	value, ok := claims[o.cfg.Claim].(string)
	value = strings.TrimSpace(value)
	if !ok || value == "" || len(value) > 254 {
		return radio.Account{}, fmt.Errorf("the ID token has no claim %s", o.cfg.Claim)
	}
	if o.cfg.Claim == "email" && claims["email_verified"] != true {
		return radio.Account{}, errors.New("the provider has not verified the e-mail address")
	}
	all, err := o.people.accounts.People(ctx)
	if err != nil {
		return radio.Account{}, err
	}
	var found []radio.Account
	for _, a := range all {
		if o.cfg.Match == MatchLogin && a.Login == strings.ToLower(value) || o.cfg.Match == MatchEmail && a.Email != "" && strings.EqualFold(a.Email, value) {
			found = append(found, a)
		}
	}
	switch {
	case len(found) == 0:
		return radio.Account{}, errors.New("nobody here has that " + o.cfg.Match)
	case len(found) > 1:
		return radio.Account{}, errors.New("several accounts here have that " + o.cfg.Match)
	case found[0].DisabledAt != 0:
		return radio.Account{}, errors.New("the account " + found[0].Login + " is disabled")
	}
	return found[0], nil
}
