// Package web is what a running daemon shows: over the network its metrics and
// its health, and on a socket in the state directory what other commands of the
// same program ask it.
//
// Over the network (Handler, Serve):
//
//	GET /metrics   Prometheus metrics
//	GET /livez     200 while the process works
//	GET /readyz    200, or 503 with one sentence for each problem; JSON where
//	               the client prefers it
//	GET /          where these are
//
// TLS and basic authentication come from the web configuration file of
// Prometheus' exporter-toolkit, and hold for every path.
//
// On the socket (ListenControl, Client), HTTP and JSON:
//
//	GET  /v1/state    operations that are not final, and memory
//	GET  /v1/plan     the last plan and its explanations
//	GET  /v1/status   how the daemon stands
//	GET  /v1/why      ?job=: what becomes of a job
//	GET  /v1/orphans  nodes and operations that nobody accounts for
//	POST /v1/wake     a tick as soon as possible
//	POST /v1/pause    keep a pool as it is, or all
//	POST /v1/resume   let it go on
//
// Who may open the socket, by its file mode, may do all of it. The socket's
// file belongs to the daemon that holds the state directory; one that is left
// by a daemon that died is replaced.
package web
