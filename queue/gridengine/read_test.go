package gridengine_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/gridengine"
)

func sample(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return text
}

func jobsOf(t testing.TB, name string) map[string]gridengine.Job {
	t.Helper()
	list, err := gridengine.ReadJobs(sample(t, name))
	require.NoError(t, err)
	jobs := make(map[string]gridengine.Job)
	for _, j := range list {
		key := strconv.FormatInt(j.ID, 10)
		if j.Tasks != "" {
			key += "." + j.Tasks
		}
		jobs[key] = j
	}
	require.Len(t, jobs, len(list))
	return jobs
}

func TestReadJobs(t *testing.T) {
	jobs := jobsOf(t, "qstat-requests.xml")
	require.Len(t, jobs, 22)
	at := func(text string) time.Time {
		when, err := time.ParseInLocation(time.DateTime, text, time.Local)
		require.NoError(t, err)
		return when
	}
	require.Equal(t, gridengine.Job{
		ID: 2, State: "r", Priority: 25754, Name: "smp4", Slots: 4, PE: "smp", Range: "4", Granted: "smp",
		Hard: []gridengine.Request{{Name: "h_rt", Value: "3600"}, {Name: "h_vmem", Value: "1G"}},
	}, jobs["2"])
	require.Equal(t, gridengine.Job{
		ID: 17, State: "qw", Pending: true, Priority: 34799, Name: "hardq2", Submitted: at("2026-11-22 18:37:50"), Slots: 40, PE: "mpi", Range: "40",
		Queues: []string{"*.q@ge*"}, MasterQueues: []string{"all.q@ge-1"},
	}, jobs["17"])
	require.Equal(t, "3-5,8,12-9999999", jobs["5"].Range)
	require.Equal(t, []string{"9"}, jobs["12"].Predecessors)
	held := jobs["12"]
	require.True(t, held.Is('h'))
	require.Equal(t, "1-10:3", jobs["9.1-10:3"].Tasks)
	require.Equal(t, []gridengine.Request{{Name: "nodearray", Value: "a|b*"}}, jobs["24"].Hard)

	mixed := jobsOf(t, "qstat-mixed.xml")
	require.False(t, mixed["22.1"].Pending)
	require.True(t, mixed["22.2-6:1"].Pending)
	require.Len(t, jobsOf(t, "qstat.xml"), 12)
}

func TestReadHosts(t *testing.T) {
	hosts, err := gridengine.ReadHosts(sample(t, "qhost-mixed.xml"))
	require.NoError(t, err)
	require.Len(t, hosts, 3)
	require.Equal(t, gridengine.Host{
		Name: "ge-1", Heard: true, Instances: []gridengine.Instance{{Queue: "all.q", State: "d", Slots: 4, Used: 3}},
		Jobs: []gridengine.HostJob{{ID: 18}, {ID: 22, Task: "1", Master: true}, {ID: 22, Task: "1"}, {ID: 22, Task: "1"}},
	}, hosts[0])
	require.Len(t, hosts[1].Instances, 2)
	for _, name := range []string{"qhost.xml", "qhost-plain.xml"} {
		hosts, err := gridengine.ReadHosts(sample(t, name))
		require.NoError(t, err)
		require.Len(t, hosts, 3)
	}
	never, err := gridengine.ReadHosts([]byte(`<qhost><host name='ge-3'><hostvalue name='arch_string'>-</hostvalue></host></qhost>`))
	require.NoError(t, err)
	require.Equal(t, []gridengine.Host{{Name: "ge-3"}}, never)
}

func TestReadDetails(t *testing.T) {
	details, err := gridengine.ReadDetails(sample(t, "details-mixed.xml"))
	require.NoError(t, err)
	require.Len(t, details, 14)
	require.Equal(t, int64(2), details[14].Concurrent)
	require.Equal(t, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), details[19].Begins)
	require.Equal(t, []gridengine.Message{{Number: 31, Text: "execution time not reached"}}, details[19].Messages)
	licence, err := gridengine.ReadDetails(sample(t, "details-licence.xml"))
	require.NoError(t, err)
	require.Equal(t, 20, messageOf(licence[6], "globally"))
	require.Equal(t, 50, messageOf(details[21], "exceeds limit"))
	unknown, err := gridengine.ReadDetails(sample(t, "details-unknown.xml"))
	require.NoError(t, err)
	require.Empty(t, unknown)
	told, err := gridengine.ReadDetails(sample(t, "details-context.xml"))
	require.NoError(t, err)
	require.True(t, told[1].Told, "beside a variable of its owner's")
	require.True(t, told[2].Told)
	samples, err := gridengine.ReadDetails(sample(t, "details.xml"))
	require.NoError(t, err)
	require.Len(t, samples, 12)
	require.False(t, samples[1].Told)
}

func messageOf(d gridengine.Detail, words string) int {
	for _, m := range d.Messages {
		if strings.Contains(m.Text, words) {
			return m.Number
		}
	}
	return 0
}

func TestReadConfiguration(t *testing.T) {
	pe, err := gridengine.ReadPE(sample(t, "pe-mpi44.txt"))
	require.NoError(t, err)
	require.Equal(t, gridengine.PE{Name: "mpi44", Rule: "44", Slots: 999}, pe)
	complexes, err := gridengine.ReadComplexes(sample(t, "complexes-consumable.txt"))
	require.NoError(t, err)
	require.Equal(t, gridengine.Complex{Name: "gpujob", Shortcut: "gj", Type: "INT", Relation: "<=", Consumable: "JOB", Default: "0"}, complexes["gpujob"])
	require.Equal(t, "EXCL", complexes["exclusive"].Relation)
	members, err := gridengine.ReadMembers([]byte("ge-1 GE-2\n"))
	require.NoError(t, err)
	require.Equal(t, map[string]bool{"ge-1": true, "ge-2": true}, members)
	none, err := gridengine.ReadMembers([]byte("\n"))
	require.NoError(t, err)
	require.Empty(t, none)
}

// TestMalformed: what can't be read is an error that shows it, and never nothing.
func TestMalformed(t *testing.T) {
	jobs := func(text []byte) error { _, err := gridengine.ReadJobs(text); return err }
	hosts := func(text []byte) error { _, err := gridengine.ReadHosts(text); return err }
	details := func(text []byte) error { _, err := gridengine.ReadDetails(text); return err }
	pe := func(text []byte) error { _, err := gridengine.ReadPE(text); return err }
	complexes := func(text []byte) error { _, err := gridengine.ReadComplexes(text); return err }
	members := func(text []byte) error { _, err := gridengine.ReadMembers(text); return err }
	entry := func(inner string) string {
		return "<job_info><queue_info></queue_info><job_info><job_list state=\"pending\">" + inner + "</job_list></job_info></job_info>"
	}
	whole := "<JB_job_number>7</JB_job_number><JAT_prio>0.5</JAT_prio><state>qw</state><slots>1</slots>"
	require.NoError(t, jobs([]byte(entry(whole))))
	for name, c := range map[string]struct {
		read func([]byte) error
		text string
	}{
		"no jobs at all":     {jobs, ""},
		"a message":          {jobs, "error: commlib error: got select error"},
		"no lists":           {jobs, "<job_info></job_info>"},
		"cut":                {jobs, string(sample(t, "qstat.xml")[:3000])},
		"another document":   {jobs, "<qhost></qhost>"},
		"twice":              {jobs, entry(whole) + entry(whole)},
		"text after":         {jobs, entry(whole) + "killed"},
		"no number":          {jobs, entry(strings.Replace(whole, ">7<", "><", 1))},
		"no state":           {jobs, entry(strings.Replace(whole, ">qw<", "><", 1))},
		"no slots":           {jobs, entry(strings.Replace(whole, "<slots>1</slots>", "", 1))},
		"negative slots":     {jobs, entry(strings.Replace(whole, "<slots>1", "<slots>-1", 1))},
		"no priority":        {jobs, entry(strings.Replace(whole, ">0.5<", ">NaN<", 1))},
		"a wrong time":       {jobs, entry(whole + "<JB_submission_time>yesterday</JB_submission_time>")},
		"a nameless PE":      {jobs, entry(whole + "<requested_pe>4</requested_pe>")},
		"no hosts":           {hosts, "\n"},
		"a host cut":         {hosts, string(sample(t, "qhost.xml")[:2000])},
		"a nameless host":    {hosts, "<qhost><host><hostvalue name='arch_string'>-</hostvalue></host></qhost>"},
		"no architecture":    {hosts, "<qhost><host name='a'></host></qhost>"},
		"no queue state":     {hosts, "<qhost><host name='a'><hostvalue name='arch_string'>-</hostvalue><queue name='q'></queue></host></qhost>"},
		"a nameless job":     {hosts, "<qhost><host name='a'><hostvalue name='arch_string'>-</hostvalue><job></job></host></qhost>"},
		"no details":         {details, ""},
		"details cut":        {details, string(sample(t, "details.xml")[:5000])},
		"unknown nothing":    {details, "<unknown_jobs></unknown_jobs>"},
		"unknown text":       {details, "<unknown_jobs><ST_name>all</ST_name></unknown_jobs>"},
		"details of nothing": {details, "<detailed_job_info><djob_info><element></element></djob_info></detailed_job_info>"},
		"no PE":              {pe, ""},
		"a rule unheard of":  {pe, "pe_name x\nslots 1\nallocation_rule $some\n"},
		"a rule of nothing":  {pe, "pe_name x\nslots 1\nallocation_rule 0\n"},
		"a PE twice":         {pe, "pe_name x\nslots 1\nallocation_rule 1\npe_name y\n"},
		"no resources":       {complexes, "#name shortcut\n"},
		"columns":            {complexes, "slots s INT <= YES YES 1 1000\ngpu g INT\n"},
		"no members":         {members, "Host group \"@x\" does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.read([]byte(c.text))
			require.ErrorIs(t, err, gridengine.ErrAnswer)
			require.ErrorIs(t, err, autoscale.ErrMalformed)
			begins := strings.Fields(c.text + " nothing")[0]
			require.Contains(t, strings.ReplaceAll(err.Error(), `\`, ""), begins)
			require.Less(t, len(err.Error()), 700)
		})
	}
}

// TestNamesOfUsers: what one user calls a job does not make the others unreadable.
func TestNamesOfUsers(t *testing.T) {
	text := string(sample(t, "qstat.xml"))
	require.Contains(t, text, "<JB_name>arr</JB_name>")
	list, err := gridengine.ReadJobs([]byte(strings.Replace(text, "<JB_name>arr<", "<JB_name>a\x01\xe4\x1b<", 1)))
	require.NoError(t, err)
	require.Len(t, list, 12)
	require.Equal(t, "na%lt;&\"'me>", jobsOf(t, "qstat-mixed.xml")["16"].Name)
}
