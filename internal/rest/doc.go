// Package rest is the HTTP plumbing that the vendors' clients share: one
// exchange with a server, from a [Call] to a decoded answer or an [Error].
//
// The links, in the order a request passes through them:
//
//	Client.Do       builds the request, keeps the books of one call (attempt.go)
//	go-retryablehttp  repeats what may be repeated, by our own policy (retry.go)
//	http.Client     limits the time of one attempt, asks about redirects (client.go)
//	authorizer      adds credentials, read anew for every attempt (auth.go)
//	RoundTripper    TLS and sockets (tls.go), or what a test put there
//
// The answer is decoded while it arrives (body.go). Decoding is inside the
// retried part, so an answer that is cut short counts as a failed connection.
//
// What is repeated: GET and HEAD, on connection errors, 408, 429 and 5xx, with
// jittered exponential waits, Retry-After honoured up to a cap, and never past
// the context's deadline. Every other method is sent once: whether a lost POST
// took effect is for the caller to find out, so its error says so
// ([ErrUncertain]).
//
// What an answer means is its status's business, unless the call knows better:
// Into may find a [Refusal] in a success, and Explain a vendor's own meaning in a
// failure.
//
// What is never in an error: credentials, and what a call hides (Call.Hide). Addresses are shown without user
// information and query, and a server's words are searched for the secrets of
// the attempt before they are repeated.
package rest
