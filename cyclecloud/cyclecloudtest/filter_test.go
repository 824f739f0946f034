package cyclecloudtest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var filterRecord = map[string]any{
	"State": "Started", "Name": "a-1", "CoreCount": 4, "Memory": 8.0, "KeepAlive": false, "Fixed": true,
	"Configuration": map[string]any{"slurm": map[string]any{"partition": "hpc"}},
}

func TestFilter(t *testing.T) {
	for text, want := range map[string]bool{
		`State === "Started"`:                              true,
		`State === "started"`:                              false,
		`State == "started"`:                               true,
		`State =?= 'Started'`:                              true,
		`State !== "Started"`:                              false,
		`State =!= "Off"`:                                  true,
		`State != "STARTED"`:                               false,
		`"Started" === State`:                              true,
		`Fixed`:                                            true,
		`!KeepAlive`:                                       true,
		`KeepAlive === false && Fixed === true`:            true,
		`KeepAlive || Fixed`:                               true,
		`KeepAlive && Fixed || Fixed`:                      true,
		`KeepAlive && (Fixed || Fixed)`:                    false,
		`!(KeepAlive || Fixed)`:                            false,
		`CoreCount >= 4 && CoreCount < 4.5 && Memory > -1`: true,
		`CoreCount <= 3`:                                   false,
		`Name > "A-0"`:                                     true,
		`Name > 3`:                                         false,
		`CoreCount === "4"`:                                false,
		`Configuration.slurm.partition === "hpc"`:          true,
		`Configuration.slurm.partition.deeper === undefined`: true,
		`Configuration === undefined`:                        true,
		`Missing === undefined`:                              true,
		`Missing !== "x"`:                                    true,
		`Missing == "x"`:                                     false,
		`Missing != "x"`:                                     false,
		`Missing`:                                            false,
		`Name === "a\-1"`:                                    true,
		`"text"`:                                             false,
		"\tState===\"Started\"&&Name===\"a-1\"\n":            true,
		strings.Repeat("(", 40) + "Fixed" + strings.Repeat(")", 40): true,
	} {
		f, err := parseFilter(text)
		require.NoError(t, err, text)
		require.Equal(t, want, truth(f.eval(filterRecord)), text)
	}
}

func TestFilterErrors(t *testing.T) {
	for text, part := range map[string]string{
		``:                        "ends",
		`State ===`:               "ends",
		`State === "Started`:      "string at 11 has no end",
		`State = "x"`:             "unexpected character '=' at 7",
		`State === "x" Name`:      `unexpected "Name" at 15`,
		`(State === "x"`:          "missing ) for the ( at 1",
		`=== "x"`:                 `unexpected "===" at 1`,
		`1.2.3 === 1`:             `"1.2.3" at 1 is no number`,
		`a && `:                   "ends",
		strings.Repeat("(", 1000): "deep",
		strings.Repeat("!", 1000): "deep",
		`State === "x" & Fixed`:   "unexpected character '&'",
		`a === b === c`:           `unexpected "==="`,
	} {
		_, err := parseFilter(text)
		require.ErrorContains(t, err, part, text)
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`State === "Started"`, `!(A.b =!= 'x\'y') || C <= -1.5e3 && undefined`, `((`, `"`, `a.`, "é", `- 1`, `true==TRUE`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseFilter(text)
		if err != nil {
			require.Nil(t, parsed)
			require.NotEmpty(t, err.Error())
			return
		}
		first := truth(parsed.eval(filterRecord))
		// A parenthesis around the whole changes nothing, and a negation of it turns it round.
		negated, err := parseFilter("!(" + text + ")")
		if err != nil {
			require.ErrorContains(t, err, "deep")
			return
		}
		require.Equal(t, !first, truth(negated.eval(filterRecord)))
	})
}

func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		createOne, `{"sets":[{"nodearray":"execute","count":2,"definition":{"machineType":"x"},"placementGroupId":"p","nameFormat":"a%03d","nameOffset":3,"nodeAttributes":{"a":{"b":[1]}}}]}`,
		`{"ids":["a"],"names":[],"filter":"State === \"Started\""}`, `{}`, `[]`, `null`, `{"sets":[null]}`, `{"sets":[{"count":1e99}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := decodeCreate(body); err == nil {
			require.NotEmpty(t, r.Sets)
			for _, s := range r.Sets {
				require.Positive(t, *s.Count)
				require.NotEmpty(t, s.Nodearray)
				require.NotEmpty(t, newNamer(&cluster{}, s).next())
			}
		}
		if r, chosen, err := decodeManage(body); err == nil {
			require.True(t, len(r.IDs)+len(r.Names)+len(r.Hostnames)+len(r.IPAddresses) > 0 || chosen != nil)
		}
	})
}
