package autoscale

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFailureMeansWhatTheVendorsErrorMeans(t *testing.T) {
	missing, busy := errors.New("no such cluster"), errors.New("busy")
	meanings := []Meaning{{Vendors: missing, Ours: ErrNotFound}, {Vendors: busy, Ours: ErrThrottled}}
	of := func(cause error, uncertain bool) Failure {
		return NewFailure(fmt.Errorf("observe: %w", cause), ErrorConfig, uncertain, meanings)
	}
	f := of(missing, false)
	require.EqualError(t, f, "observe: no such cluster")
	require.ErrorIs(t, f, missing)
	require.ErrorIs(t, f, ErrNotFound)
	require.NotErrorIs(t, f, ErrUncertain)
	require.Equal(t, ErrorConfig, ClassOf(fmt.Errorf("request r: %w", f)))
	require.ErrorIs(t, of(busy, false), ErrThrottled)
	require.ErrorIs(t, of(errors.New("a riddle"), false), ErrUnavailable)

	require.ErrorIs(t, f.OfAct(), ErrRejected)
	require.NotErrorIs(t, f.OfAct(), ErrNotFound)
	lost := of(missing, true).OfAct()
	require.ErrorIs(t, lost, ErrNotFound, "it may have been handled, so nothing is known to be rejected")
	require.ErrorIs(t, lost, ErrUncertain)
	require.ErrorIs(t, of(busy, false).OfAct(), ErrThrottled)
}
