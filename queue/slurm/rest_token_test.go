package slurm

import (
	"context"
	"encoding/base64"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTokensAreRenewedInTime: whatever the clock of the controller says.
func TestTokensAreRenewedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made, life := 0, int64(600)
		ts := &tokens{next: func(context.Context) (string, error) {
			made++
			claims := fmt.Sprintf(`{"exp":%d,"iat":%d,"n":%d}`, 5000+life, 5000, made)
			return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".s", nil
		}}
		first, err := ts.token(t.Context())
		require.NoError(t, err)
		time.Sleep(449 * time.Second)
		again, err := ts.token(t.Context())
		require.NoError(t, err)
		require.Equal(t, first, again)
		time.Sleep(time.Second)
		second, err := ts.token(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, first, second)
		life = 1 << 60
		ts.forget()
		_, err = ts.token(t.Context())
		require.NoError(t, err)
		time.Sleep(tokenLife * 3 / 4)
		_, err = ts.token(t.Context())
		require.NoError(t, err)
		require.Equal(t, 4, made)
	})
}
