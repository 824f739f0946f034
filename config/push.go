package config

import (
	"fmt"
	"net"
	"strings"
)

// PushQueue takes demand documents that others send.
type PushQueue struct {
	Listen        string   `key:"listen" default:"127.0.0.1:9798" help:"Address of /api/v1/demand."`
	WebConfigFile string   `key:"web_config_file" default:"" path:"yes" help:"Prometheus exporter-toolkit file with TLS and basic auth for it. Basic auth and a token exclude each other."`
	TokenFile     string   `key:"token_file" default:"" path:"yes" help:"File that holds the bearer token that a push must carry. Read again whenever it is needed."`
	TokenEnv      string   `key:"token_env" default:"" help:"Environment variable that holds the token."`
	Lease         Duration `key:"lease" default:"5m" least:"1s" help:"How long pushed demand holds unless it is pushed anew; then it is unknown. A push may ask for less with the header Autoscaled-Lease."`
}

// Token is where the bearer token is.
func (q PushQueue) Token() SecretSource { return SecretSource{File: q.TokenFile, Env: q.TokenEnv} }

func (s *source) pushQueue(c *Config, q *PushQueue, at string) {
	if q.Listen == "" {
		s.add(at+".listen", "is missing")
		return
	}
	s.address(at+".listen", q.Listen)
	if q.Listen == c.Listen && !strings.HasSuffix(q.Listen, ":0") { // port 0 is another one each time
		s.add(at+".listen", fmt.Sprintf("%s is the daemon's own listen already", q.Listen))
	}
	s.secret(at, "token", q.Token())
	if q.Token().IsZero() && q.WebConfigFile == "" && exposed(q.Listen) && !s.within(at+".") {
		s.add(at, fmt.Sprintf("anyone who reaches %s could make and end machines; set token_file or web_config_file, or listen on 127.0.0.1", q.Listen))
	}
}

// exposed tells whether others than this machine can reach an address.
func exposed(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && host != "localhost" && !net.ParseIP(host).IsLoopback()
}

func (s *source) pushReadable(q *PushQueue, at string) {
	s.secretReadable(at+".token", q.Token())
	s.readable(at+".web_config_file", q.WebConfigFile)
}
