package queue

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSelectorsOf(t *testing.T) {
	for query, want := range map[string][]string{
		`up`:                                     {"up"},
		`vector(1)`:                              nil,
		`time() - 5`:                             nil,
		`sum(jobs)`:                              {"jobs"},
		`sum by (cores) (jobs{state="waiting"})`: {`jobs{state="waiting"}`},
		`sum(jobs) by (cores)`:                   {"jobs"},
		`SUM BY (cores) (jobs) OR vector(0)`:     {"jobs"},
		`a + on (x, y) group_left (z) b * ignoring(q) group_right c`: {"a", "b", "c"},
		`a and b or c unless d`:                                        {"a", "b", "c", "d"},
		`count_values("up", build)`:                                    {"build"},
		`{__name__=~"a}b",x='}'} + {"my.metric"}`:                      {`{__name__=~"a}b",x='}'}`, `{"my.metric"}`},
		"rate(x{y=`\\`}[5m:30s] offset -1h30m) > bool 1e3":             {"x{y=`\\`}"},
		`max_over_time(x[1h]) / x @ start()`:                           {"x"},
		"a # b{c\n+ job:d:sum5m":                                       {"a", "job:d:sum5m"},
		`topk(3, a) + quantile without(x) (0.5, b) - inf - NaN - 0x1F`: {"a", "b"},
		`label_replace(a, "b", "$1", "c", "(.*)")`:                     {"a"},
		`a or on() (up{job="q"} == 1) * 0`:                             {"a", `up{job="q"}`},
		`x {a="b"}`:                                                    {`x{a="b"}`},
		`"unfinished`:                                                  nil,
		`a{`:                                                           {"a{"},
		`sum by (`:                                                     nil,
	} {
		require.Equal(t, want, selectorsOf(query), query)
	}
}

// FuzzPrometheusAnswer: whatever a server answers, it is read whole or an error.
func FuzzPrometheusAnswer(f *testing.F) {
	for _, bad := range badAnswers() {
		f.Add(bad.body, "a{b=\"c\"}")
	}
	f.Add(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"a","cores":"4","host":"x"},"value":[1795365179.872,"3"]}]}}`, "sum by (x) (a)")
	f.Add(`{"status":"success","data":{"resultType":"scalar","result":[1795365179.872,"0.5"]}}`, "'")
	p := &Prometheus{options: PrometheusOptions{Rounding: RoundUp, Labels: PrometheusLabels{Cores: "cores", Host: "host", Pools: []PoolLabel{{"nodearray", "host"}}}}}
	f.Fuzz(func(t *testing.T, body, query string) {
		for _, selector := range selectorsOf(query) {
			require.NotEmpty(t, selector)
		}
		samples, err := decodeAnswer(strings.NewReader(body))
		if err != nil {
			require.Empty(t, samples)
			require.NotEmpty(t, err.Error())
			return
		}
		jobs, err := p.jobs(samples)
		for _, j := range jobs {
			require.True(t, err != nil || j.Tasks >= 1 && j.Tasks <= maxCount && j.ID != "")
		}
		use, err := p.hosts(samples)
		for host, u := range use {
			require.True(t, err != nil || host != "" && u.Used.Cores == 0)
		}
	})
}
