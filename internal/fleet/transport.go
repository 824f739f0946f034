package fleet

import "net/http"

// AnkaTransport calls the controller without a socket. What changes something is seen by
// the world at its own moment, before anything else happens.
func (w *World) AnkaTransport() http.RoundTripper {
	return ankaTransport{w, w.options.Anka.RoundTripper()}
}

// GitHubTransport calls the CI service without a socket.
func (w *World) GitHubTransport() http.RoundTripper { return w.options.GitHub.Transport() }

type ankaTransport struct {
	world *World
	http.RoundTripper
}

func (t ankaTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		return t.RoundTripper.RoundTrip(r)
	}
	t.world.Step()
	answer, err := t.RoundTripper.RoundTrip(r)
	t.world.Step()
	t.world.wake()
	return answer, err
}
