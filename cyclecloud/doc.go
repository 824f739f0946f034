// Package cyclecloud speaks the REST API of Azure CycleCloud 8.
//
// [Client] is the API as it is: one method per call, every parameter and field
// of the public reference. Servers of both known ages are understood: optional
// fields may be missing, and fields that we don't know are kept, raw, in each
// record's Extra, or for the open [Node] record behind [Node.Attr].
//
// [Provider] turns one cluster into what the daemon's loop asks of a cloud.
//
// # Sending, repeating, doubt
//
// A GET is repeated on connection errors, 429 and 5xx, with jittered waits and
// Retry-After, within the context's deadline. A POST is sent once per call.
// When its answer is lost the error is [ErrUncertain]: look the request id up
// with [Client.LookupRequest], or send it again under the same id.
//
// A 409 means either "invalid input" or "this request id was seen before". The
// client asks the server which, and answers [ErrInvalidInput] or
// [ErrRequestSeen]; the latter is a [RequestSeenError] with what was found.
//
// # Reading
//
// Answers are decoded while they arrive, in one pass and without a copy of the
// whole. The decoder is github.com/go-json-experiment/json, which becomes the
// standard library's encoding/json/v2: on 5,000 nodes it takes less than half the
// time of encoding/json, and it decodes from a stream without buffering the
// whole value first.
package cyclecloud
