package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

func TestPrices(t *testing.T) {
	prices, problems := parsePrices("p.csv", []byte("\ufeffmachine_type,region,spot,price_per_hour\n"+`
# regular nodes
Standard_F4s_v2, westeurope, false, 0.2
Standard_F4s_v2,,FALSE,"0.25"

Standard_F4s_v2,,True,1e-1
`))
	require.Empty(t, problems)
	require.Equal(t, []autoscale.Price{
		{MachineType: "Standard_F4s_v2", Region: "westeurope", PerHour: 0.2},
		{MachineType: "Standard_F4s_v2", PerHour: 0.25},
		{MachineType: "Standard_F4s_v2", Spot: true, PerHour: 0.1},
	}, prices)
}

func TestMistakesInPrices(t *testing.T) {
	const head = "machine_type,region,spot,price_per_hour\n"
	for text, want := range map[string]string{
		"":                                       "p.csv: is empty; its first line must be machine_type,region,spot,price_per_hour",
		"# nothing\n":                            "p.csv: is empty; its first line must be machine_type,region,spot,price_per_hour",
		"F4,,false,1\n":                          "p.csv:1: the first line must be machine_type,region,spot,price_per_hour",
		"machine_type,region,spot\n":             "p.csv:1: the first line must be machine_type,region,spot,price_per_hour",
		head + "F4,,false\n":                     "p.csv:2: must have 4 fields, not 3",
		head + "F4,,false,1,2\n":                 "p.csv:2: must have 4 fields, not 5",
		head + "F4;;false;1\n":                   "p.csv:2: must have 4 fields, not 1",
		head + ",,false,1\n":                     "p.csv:2: machine_type is empty",
		head + "F4,,no,1\n":                      `p.csv:2: spot: "no" is neither true nor false`,
		head + "F4,,,1\n":                        `p.csv:2: spot: "" is neither true nor false`,
		head + "F4,,false,\n":                    `p.csv:2: price_per_hour: "" is no price`,
		head + "F4,,false,1 EUR\n":               `p.csv:2: price_per_hour: "1 EUR" is no price`,
		head + "F4,,false,-1\n":                  `p.csv:2: price_per_hour: "-1" is no price`,
		head + "F4,,false,NaN\n":                 `p.csv:2: price_per_hour: "NaN" is no price`,
		head + "F4,,false,0\n":                   "p.csv:2: price_per_hour: 0 is no price; leave the line out if it is not known",
		head + "F4,,false,inf\n":                 "p.csv:2: price_per_hour: inf is more than 100000",
		head + "F4,,false,\"1\nF8,,":             "p.csv:3: not CSV: extraneous or missing \" in quoted-field",
		head + "F\"4,,false,1\n":                 "p.csv:2: not CSV: bare \" in non-quoted-field",
		head + "F4,x,false,1\n\nf4,X,false,2\n":  "p.csv:4: there is a price for this already; line 2 has it first",
		head + "F4,,x,1\nF8,,false,1\nF8,,y,2\n": "p.csv:2: spot: \"x\" is neither true nor false\np.csv:4: spot: \"y\" is neither true nor false",
	} {
		prices, problems := parsePrices("p.csv", []byte(text))
		require.EqualError(t, problems, want, "%q", text)
		require.Nil(t, prices)
	}
	_, problems := parsePrices("p.csv", []byte(head+strings.Repeat("bad\n", 1000)))
	require.Len(t, problems, mistakesShown)
}

// A price file is read with the config, and its mistakes are told with all others.
func TestPriceFile(t *testing.T) {
	dir := t.TempDir()
	path, prices := filepath.Join(dir, "c.yaml"), filepath.Join(dir, "prices.csv")
	text := strings.Replace(minimal, "policy:\n", "policy:\n      prices_file: prices.csv\n", 1)
	write := func(path, text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	write(path, text)
	_, err := Load(path)
	require.EqualError(t, err, prices+": clusters[0].policy.prices_file: no such file or directory")

	write(prices, "machine_type,region,spot,price_per_hour\nF4,,false,2\n")
	old, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, []string{prices}, old.Files())
	pool := autoscale.Pool{Labels: map[string]string{"nodearray": "execute", "machine_type": "f4"}}
	policy := old.Clusters[0].Policy()
	price, known := policy.Price(&pool)
	require.True(t, known)
	require.Equal(t, 2.0, price.Float())

	write(prices, "machine_type,region,spot,price_per_hour\nF4,,false,3\n")
	changed, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, []string{"clusters[0].policy.prices_file"}, Changes(old, changed))
	require.NotEqual(t, policy.Revision, changed.Clusters[0].Policy().Revision)
	require.Empty(t, NeedRestart(Changes(old, changed)))
	revision := changed.Clusters[0].Policy().Revision
	changed.Clusters[0].Scaling.PricesFile = "other"
	require.Equal(t, revision, changed.Clusters[0].Policy().Revision, "wherever the same prices lie")
	require.Equal(t, []string{"clusters[0].policy.prices_file"}, Changes(old, changed))

	write(prices, "machine_type,region,spot,price_per_hour\nF4,,false,?\n")
	write(path, strings.Replace(text, "name: demo", "name: \"a\\n\"", 1))
	_, err = Load(path)
	require.EqualError(t, err, path+":2: clusters[0].name: holds a control character\n"+prices+`:2: price_per_hour: "?" is no price`)

	write(prices, strings.Repeat("#", maxPrices+1))
	write(path, text)
	_, err = Load(path)
	require.EqualError(t, err, prices+": clusters[0].policy.prices_file: is longer than 16 MiB")
}

// A cluster that was never read from a file has a policy too.
func TestPolicyOfAClusterWithoutAFile(t *testing.T) {
	require.Equal(t, autoscale.Budget{Zone: time.UTC}, (&Cluster{}).Policy().Budget)
}

// FuzzPrices: whatever the file holds, there are prices that can be looked up, or
// mistakes, each on one line.
func FuzzPrices(f *testing.F) {
	for _, text := range []string{"", "machine_type,region,spot,price_per_hour\nF4,,true,1\n\"F\"\"8\",x,false,0.1\n", "machine_type,region,spot,price_per_hour\n\"", "#\n,,,\n", "a\rb"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		prices, problems := parsePrices("p.csv", text)
		if len(problems) > 0 {
			require.Nil(t, prices)
			for _, p := range problems {
				require.NotContains(t, p.String(), "\n")
			}
			return
		}
		policy := autoscale.Policy{Pools: []autoscale.PoolPolicy{{}}, Prices: autoscale.NewPrices(prices)}
		for _, p := range prices {
			spot := map[bool]string{true: "true", false: "false"}[p.Spot]
			price, known := policy.Price(&autoscale.Pool{Labels: map[string]string{"machine_type": p.MachineType, "region": p.Region, "spot": spot}})
			require.True(t, known)
			require.InDelta(t, p.PerHour, price.Float(), 1e-6)
		}
	})
}
