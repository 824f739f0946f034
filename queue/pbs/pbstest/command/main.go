// Command is PBS's commands of a PBS in memory: called as qstat, pbsnodes, qmgr or qrls, it
// asks whoever answers in its folder. It is small, so that a test that runs them often is
// not slowed down by the size of the test program.
package main

import (
	"fmt"
	"os"

	"autoscaled/queue/pbs/pbstest"
)

func main() {
	pbstest.Command()
	fmt.Fprintln(os.Stderr, "call it by the name of one of PBS's commands")
	os.Exit(2)
}
