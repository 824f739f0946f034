package github

import (
	"fmt"
	"net/url"
	"strings"
)

// address is what a configuration URL says: whose runners, and where.
type address struct {
	config string // the URL as it is registered
	api    string // base of the REST API
	scope  string // path of the owner in the REST API, such as /orgs/acme
	secure bool   // https
}

// parseAddress reads https://HOST/ORG, https://HOST/OWNER/REPO or
// https://HOST/enterprises/NAME. On github.com and ghe.com the API has a host of
// its own; any other host is a GitHub Enterprise Server (3.9 or later).
func parseAddress(text string) (address, error) {
	u, err := url.Parse(text)
	if err != nil { // its text would repeat the URL, password and all
		return address{}, fmt.Errorf("%w: the configuration URL is not a URL", ErrConfig)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return address{}, fmt.Errorf("%w: the configuration URL of %s carries user information, a query or a fragment", ErrConfig, u.Host)
	}
	if u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return address{}, fmt.Errorf("%w: the configuration URL must look like https://github.com/ORG", ErrConfig)
	}
	scope, err := scopeOf(u)
	if err != nil {
		return address{}, err
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return address{config: u.String(), api: apiBase(u), scope: scope, secure: u.Scheme == "https"}, nil
}

func scopeOf(u *url.URL) (string, error) {
	parts := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for _, part := range parts {
		if part == "" || part == "." || part == ".." {
			return "", fmt.Errorf("%w: the configuration URL of %s names no organisation, repository or enterprise", ErrConfig, u.Host)
		}
	}
	switch {
	case len(parts) == 1 && parts[0] != "enterprises":
		return "/orgs/" + parts[0], nil
	case len(parts) == 2 && parts[0] == "enterprises":
		return "/enterprises/" + parts[1], nil
	case len(parts) == 2:
		return "/repos/" + parts[0] + "/" + parts[1], nil
	}
	return "", fmt.Errorf("%w: the path %q of the configuration URL is none of /ORG, /OWNER/REPO, /enterprises/NAME", ErrConfig, u.Path)
}

func apiBase(u *url.URL) string {
	host := strings.ToLower(strings.TrimSuffix(u.Host, "."))
	if bare := strings.TrimPrefix(host, "www."); bare == "github.com" || strings.HasSuffix(bare, ".ghe.com") {
		return u.Scheme + "://api." + bare
	}
	return u.Scheme + "://" + u.Host + "/api/v3"
}
