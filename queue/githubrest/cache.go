package githubrest

import "sync"

// maxPages bounds how many pages of answers are remembered; each has 100 elements at
// most.
const maxPages = 2048

// page is an answer as it was decoded, which GitHub can say of that it has not changed.
type page struct {
	etag  string
	next  string // address of the page after it; "": none
	value any
	used  int64
}

// cache remembers pages by their address. GitHub's ETags change with the token, so a
// new token empties it.
type cache struct {
	mu    sync.Mutex
	token string
	pages map[string]*page
	uses  int64
}

// find returns the page of that address that the token can ask about, or nil.
func (c *cache) find(token, address string) *page {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != token || c.pages == nil {
		c.token, c.pages = token, map[string]*page{}
	}
	p := c.pages[address]
	if p != nil {
		c.uses++
		p.used = c.uses
	}
	return p
}

// keep remembers a page that was read with the token. One too many costs the half that
// was asked for longest ago.
func (c *cache) keep(token, address string, p page) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != token || c.pages == nil {
		return
	}
	if p.etag == "" {
		delete(c.pages, address)
		return
	}
	if len(c.pages) >= maxPages && c.pages[address] == nil {
		for at, old := range c.pages {
			if old.used <= c.uses-maxPages/2 {
				delete(c.pages, at)
			}
		}
	}
	c.uses++
	p.used = c.uses
	c.pages[address] = &p
}
