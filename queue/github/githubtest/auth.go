package githubtest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// grant is a token that the server gave out.
type grant struct {
	kind  string // "installation", "registration", "admin", "queue"
	until time.Time
	set   int // of a queue token
}

// issue makes a token. Admin and queue tokens are JWTs in form: they tell when
// they end. Each has a signature by which a test can find it where it must not be.
func (s *Server) issue(kind string, life time.Duration) string {
	until := s.clock.Now().Add(life)
	encode := base64.RawURLEncoding.EncodeToString
	token := fmt.Sprintf("ghs_secret%s%d", kind, s.next())
	if kind == "admin" || kind == "queue" {
		claims := fmt.Sprintf(`{"exp":%d,"n":%d}`, until.Unix(), s.next())
		token = encode([]byte(`{"alg":"RS256"}`)) + "." + encode([]byte(claims)) + ".secret" + kind
	}
	s.tokens[token] = &grant{kind: kind, until: until}
	return token
}

// valid tells whether a request carries a token of that kind.
func (s *Server) valid(r *http.Request, scheme, kind string) (*grant, bool) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), scheme+" ")
	g := s.tokens[token]
	return g, ok && g != nil && g.kind == kind && s.clock.Now().Before(g.until)
}

// revoke ends all tokens of a kind.
func (s *Server) revoke(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token, g := range s.tokens {
		if g.kind == kind {
			delete(s.tokens, token)
		}
	}
}

// ExpireAdmin ends all admin tokens.
func (s *Server) ExpireAdmin() { s.revoke("admin") }

// ExpireQueue ends all queue tokens; their sessions stay.
func (s *Server) ExpireQueue() { s.revoke("queue") }

// ExpireInstallation ends all tokens of the App's installation.
func (s *Server) ExpireInstallation() { s.revoke("installation") }

func badCredentials() *answer {
	a := succeed(map[string]string{"message": "Bad credentials"})
	a.status = http.StatusUnauthorized
	return a
}

func created(v any) *answer {
	a := succeed(v)
	a.status = http.StatusCreated
	return a
}

func (s *Server) granted(kind string) *answer {
	token := s.issue(kind, time.Hour)
	return created(map[string]any{"token": token, "expires_at": s.tokens[token].until})
}

func (s *Server) installation(c call) *answer {
	jwt, _ := strings.CutPrefix(c.Header.Get("Authorization"), "Bearer ")
	if s.cfg.AppKey == nil || c.PathValue("installation") != strconv.FormatInt(s.cfg.Installation, 10) || !s.isApp(jwt) {
		return badCredentials()
	}
	return s.granted("installation")
}

// isApp checks an App's JWT: signature, issuer, and a life of ten minutes at most
// that has begun.
func (s *Server) isApp(jwt string) bool {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return false
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(s.cfg.AppKey, crypto.SHA256, digest[:], signature) != nil {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Iss      string
		Iat, Exp int64
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return false
	}
	now := s.clock.Now().Unix()
	return claims.Iss == s.cfg.AppID && claims.Iat <= now && claims.Exp > now && claims.Exp-claims.Iat <= 600
}

func (s *Server) registrationToken(c call) *answer {
	_, ok := s.valid(c.Request, "Bearer", "installation")
	if !ok && (s.cfg.PAT == "" || c.Header.Get("Authorization") != "Bearer "+s.cfg.PAT) {
		return badCredentials()
	}
	return s.granted("registration")
}

func (s *Server) register(c call) *answer {
	var asked struct {
		URL   string `json:"url"`
		Event string `json:"runner_event"`
	}
	if _, ok := s.valid(c.Request, "RemoteAuth", "registration"); !ok {
		return badCredentials()
	}
	if !c.decode(&asked) || asked.URL == "" || asked.Event != "register" {
		return nothing(http.StatusBadRequest)
	}
	return created(map[string]string{
		"url": "http://" + c.Host + service + "/", "token": s.issue("admin", s.cfg.AdminLife),
	})
}

// admin lets in who has an admin token and asks for the version there is.
func (s *Server) admin(h handling) handling {
	return func(c call) *answer {
		if _, ok := s.valid(c.Request, "Bearer", "admin"); !ok {
			return nothing(http.StatusUnauthorized)
		}
		if c.URL.Query().Get("api-version") != "6.0-preview" {
			return refuse(http.StatusBadRequest, "VssVersionNotSpecifiedException", "no api-version")
		}
		return h(c)
	}
}
