package command

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func shell(script string) Options { return Options{Command: []string{"/bin/sh", "-c", script}} }

func TestRunGivesTheOutputInPieces(t *testing.T) {
	got, err := Run(t.Context(), shell(`i=0; while [ $i -lt 60000 ]; do echo "0123456789"; i=$((i+1)); done`))
	require.NoError(t, err)
	require.Greater(t, len(got), 1)
	require.Equal(t, strings.Repeat("0123456789\n", 60000), string(bytes.Join(got, nil)))

	got, err = Run(t.Context(), shell(`cat`))
	require.NoError(t, err, "standard input is empty")
	require.Empty(t, got)
}

func TestRunKeepsVariables(t *testing.T) {
	t.Setenv("AUTOSCALED_PASSWORD", "secret")
	t.Setenv("SQUEUE_STATES", "all")
	t.Setenv("SQUEUE", "kept")
	o := shell(`echo "$AUTOSCALED_PASSWORD/$SQUEUE_STATES/$SQUEUE/$OWN"`)
	o.Env, o.Without = []string{"OWN=1"}, []string{"SQUEUE_"}
	got, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, "//kept/1\n", string(bytes.Join(got, nil)))
}

func TestRunErrors(t *testing.T) {
	_, err := Run(t.Context(), shell(`echo no; echo 'not  here' >&2; exit 3`))
	failed, ok := errors.AsType[*Error](err)
	require.True(t, ok)
	require.Equal(t, "not here", failed.Said)
	require.Equal(t, "no\n", string(bytes.Join(failed.Printed, nil)))
	require.EqualError(t, err, "exit status 3; it said: not here")

	o := shell(`while :; do echo endless; done`)
	o.MaxBytes = 1000
	_, err = Run(t.Context(), o)
	require.ErrorIs(t, err, ErrTooLong)
	require.ErrorContains(t, err, "more than 1000 bytes")
	o = shell(`printf 0123456789`)
	o.MaxBytes = 10
	got, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, "0123456789", string(bytes.Join(got, nil)))

	_, err = Run(t.Context(), Options{Command: []string{"/nonexistent/program"}})
	require.ErrorIs(t, err, os.ErrNotExist)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Run(ended, shell(`true`))
	require.ErrorIs(t, err, context.Canceled)
}
