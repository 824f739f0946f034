package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1024": 1024, "1K": 1 << 10, "1KiB": 1 << 10, "1KB": 1000, "512MiB": 512 << 20, "1GiB": 1 << 30, " 1.5 G ": 3 << 29, "2TB": 2e12, "8192TiB": maxAmount,
	} {
		got, err := parseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for text, want := range map[string]string{
		"": `"" is no size such as 512MiB, 1GiB or 1G`, "NaN": `"NaN" is no size such as 512MiB, 1GiB or 1G`, "1g": `"1g" is no size such as 512MiB, 1GiB or 1G`,
		"-1": "-1 is negative", "8193TiB": "8193TiB is more than 8192TiB", "inf": "inf is more than 8192TiB",
	} {
		_, err := parseSize(text)
		require.EqualError(t, err, want, text)
	}
}
