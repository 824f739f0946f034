package gridengine_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// report tells of jobs in order: those with a reason wait, the others are served.
func report(t *testing.T, f *fake, tell func(autoscale.State, autoscale.Plan) error, reasons map[string]autoscale.Reason, order ...string) []string {
	t.Helper()
	var state autoscale.State
	var plan autoscale.Plan
	for i, id := range order {
		state.Demand.Classes = append(state.Demand.Classes, autoscale.Class{Shape: autoscale.Shape{Tasks: 1}, Members: []autoscale.Member{{ID: autoscale.JobID(id)}}})
		o := autoscale.Outcome{Class: i, To: 1, Tasks: 1, Served: []autoscale.Serving{{Pool: "p", Grow: -1, Count: 1, PerNode: 1}}}
		if reason, waits := reasons[id]; waits {
			o.Reason, o.Served, o.Tasks = reason, nil, 0
		}
		plan.Outcomes = append(plan.Outcomes, o)
	}
	require.NoError(t, tell(state, plan))
	return f.changes()
}

func TestReport(t *testing.T) {
	f := newFake(t)
	s := f.source()
	tell := func(state autoscale.State, p autoscale.Plan) error { return s.Report(t.Context(), state, p) }
	held := func(detail string) autoscale.Reason {
		return autoscale.Reason{Code: autoscale.ReasonHeld, Detail: detail}
	}
	reasons := map[string]autoscale.Reason{
		"7": held("resource: asks for, say, fpga=1\n"), "8/2": {Code: autoscale.ReasonNoPool}, "9": held("state h: is held"),
		"10": {Code: autoscale.ReasonNotYet}, "404": {Code: autoscale.ReasonNoPool}, "12_3": {Code: autoscale.ReasonNoPool},
	}
	order := []string{"7", "8/2", "9", "10", "404", "11", "12", "12_3"}
	told := report(t, f, tell, reasons, order...)
	require.Len(t, told, 3)
	require.Equal(t, "qalter -ac autoscaled=resource: asks for; say; fpga=1 7", told[0])
	require.True(t, strings.HasSuffix(told[1], " 8"))
	require.True(t, strings.HasSuffix(told[2], " 404"), "it has ended, and that is no error")
	require.Empty(t, report(t, f, tell, reasons, order...), "they know")

	reasons["8/2"] = autoscale.Reason{Code: autoscale.ReasonTooLarge}
	delete(reasons, "7")
	require.Len(t, report(t, f, tell, reasons, order...), 2)
	require.Empty(t, report(t, f, tell, reasons, "10"), "those that have ended are forgotten")

	s.Silent = true
	require.Empty(t, report(t, f, tell, map[string]autoscale.Reason{"99": {Code: autoscale.ReasonNoPool}}, "99"))
	s.Silent = false
	require.NoError(t, s.Report(t.Context(), autoscale.State{Observation: autoscale.Observation{DemandProblem: "unknown"}}, autoscale.Plan{}))
	require.Empty(t, f.changes())
}

// TestReportAfterRestart: what another daemon told is taken back once it holds no more.
func TestReportAfterRestart(t *testing.T) {
	f := newFake(t)
	f.details = "details-context.xml"
	s := f.source()
	_, err := s.Demand(t.Context())
	require.NoError(t, err)
	tell := func(state autoscale.State, p autoscale.Plan) error { return s.Report(t.Context(), state, p) }
	reasons := map[string]autoscale.Reason{"2": {Code: autoscale.ReasonNoPool}}
	told := report(t, f, tell, reasons, "1", "2", "3")
	require.Len(t, told, 2)
	require.Equal(t, "qalter -dc autoscaled 1", told[0])
	require.True(t, strings.HasPrefix(told[1], "qalter -ac autoscaled=") && strings.HasSuffix(told[1], " 2"))
	require.Empty(t, report(t, f, tell, reasons, "1", "2", "3"))
}

// TestReportBounds: so many at a time, and a failure is told and tried again.
func TestReportBounds(t *testing.T) {
	f := newFake(t)
	s := f.source()
	reasons, order := map[string]autoscale.Reason{}, []string{}
	for i := range 300 {
		order = append(order, strconv.Itoa(1000+i))
		reasons[order[i]] = autoscale.Reason{Code: autoscale.ReasonNoPool}
	}
	tell := func(state autoscale.State, p autoscale.Plan) error { return s.Report(t.Context(), state, p) }
	total := 0
	for {
		n := len(report(t, f, tell, reasons, order...))
		if n == 0 {
			break
		}
		require.LessOrEqual(t, n, 20)
		total += n
	}
	require.Equal(t, 200, total)

	f = newFake(t)
	s = f.source()
	f.fail["qalter"] = "denied"
	report(t, f, func(state autoscale.State, p autoscale.Plan) error {
		require.ErrorContains(t, tell(state, p), "denied")
		clear(f.fail)
		return nil
	}, reasons, "1000")
	require.Len(t, report(t, f, tell, reasons, "1000"), 1)
}
