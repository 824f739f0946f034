package autoscale

// Attempt is one try to make the node of a request whose host is known to the queue
// before it is there: a CI runner is registered first, and its machine is made to be it.
type Attempt struct {
	// Request asked for the node. Attempts of one request follow each other: who makes
	// one has given up those before it.
	Request RequestID
	// Pool is where the node is to be, and Labels are that pool's.
	Pool   PoolID
	Labels map[string]string
	// Host is what the queue is to call it. No other attempt has the same.
	Host string
}
