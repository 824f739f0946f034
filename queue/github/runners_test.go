package github_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"autoscaled/queue/github"
	"autoscaled/queue/github/githubtest"
)

const generated = "POST /service/rest/_apis/runtime/runnerscalesets/{set}/generatejitconfig"

func TestRunnersRecords(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	set := w.set()
	made, _, err := w.client.GenerateJITConfig(t.Context(), set.ID, "vm-1", "_work")
	require.NoError(t, err)
	for _, find := range []func() (github.Runner, error){
		func() (github.Runner, error) { return w.client.Runner(t.Context(), made.ID) },
		func() (github.Runner, error) { return w.client.FindRunner(t.Context(), "vm-1") },
		func() (github.Runner, error) {
			all, err := w.client.Runners(t.Context())
			require.Len(t, all, 1)
			return all[0], err
		},
	} {
		r, err := find()
		require.NoError(t, err)
		require.Equal(t, []any{made.ID, "vm-1", set.ID, "offline", false}, []any{r.ID, r.Name, r.SetID, r.Status, *r.Busy})
	}
	require.Nil(t, made.Busy, "the answer to a registration doesn't say")
	_, err = w.client.Runner(t.Context(), 999)
	require.ErrorIs(t, err, github.ErrRunnerNotFound)
	_, err = w.client.FindRunner(t.Context(), "none")
	require.ErrorIs(t, err, github.ErrRunnerNotFound)
}

func TestOnlyADeletedRunnerMayGo(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	set := w.set()
	idle, _, err := w.client.GenerateJITConfig(t.Context(), set.ID, "idle", "")
	require.NoError(t, err)
	busy, config, err := w.client.GenerateJITConfig(t.Context(), set.ID, "busy", "")
	require.NoError(t, err)
	w.server.Queue("macs", 1)
	_, err = w.server.Connect(config.Reveal())
	require.NoError(t, err)
	_, err = w.server.Start("busy")
	require.NoError(t, err)

	removal, err := w.client.RemoveRunner(t.Context(), busy.ID)
	require.NoError(t, err)
	require.Equal(t, github.RunnerBusy, removal)
	removal, err = w.client.RemoveRunner(t.Context(), idle.ID)
	require.NoError(t, err)
	require.Equal(t, github.RunnerDeleted, removal)
	require.Len(t, w.server.Runners(), 1)
	require.Equal(t, []string{"deleted", "busy", "unknown", "Removal(0)"}, []string{
		github.RunnerDeleted.String(), github.RunnerBusy.String(), github.RunnerUnknown.String(), github.Removal(0).String(),
	})
}

func TestWhatTheAnswerToARemovalMeans(t *testing.T) {
	const busy = `{"typeName":"GitHub.X.JobStillRunningException, GitHub.X","message":"runs"}`
	for _, c := range []struct {
		status int
		body   string
		want   github.Removal
		err    error
	}{
		{204, "", github.RunnerDeleted, nil},
		{400, busy, github.RunnerBusy, nil},
		{409, busy, github.RunnerBusy, nil},
		{422, busy, github.RunnerBusy, nil},
		{422, "", github.RunnerBusy, nil},
		{400, "\uFEFF" + busy, github.RunnerBusy, nil},
		{409, "JobStillRunningException: runs", github.RunnerBusy, nil},
		{400, `{"typeName":"Other","message":"not a JobStillRunningException"}`, 0, github.ErrInvalidInput},
		{400, "\uFEFF" + `{"typeName":"Other","message":"not a JobStillRunningException"}`, 0, github.ErrInvalidInput},
		{409, "", 0, github.ErrConflict},
		{404, "", github.RunnerUnknown, nil},
		{404, `{"typeName":"X.AgentNotFoundException, X"}`, github.RunnerUnknown, nil},
		{200, "", 0, github.ErrMalformed},
		{200, "<html>sign in</html>", 0, github.ErrMalformed},
		{202, "", 0, github.ErrMalformed},
		{401, busy, 0, github.ErrUnauthorized},
		{403, "", 0, github.ErrUnauthorized},
		{500, "", 0, github.ErrUncertain},
		{502, "<html>bad gateway</html>", 0, github.ErrUncertain},
	} {
		service := &scripted{status: c.status, body: c.body}
		removal, err := service.client(t).RemoveRunner(t.Context(), 7)
		require.Equal(t, c.want, removal, "%d %s", c.status, c.body)
		require.ErrorIs(t, err, c.err, "%d %s", c.status, c.body)
		if c.status/100 != 4 || c.status > 403 {
			require.Equal(t, 1, service.calls, "never blindly repeated")
		}
	}
}

func TestALostRegistrationIsNotRepeated(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	set := w.set()
	w.server.Fail(githubtest.Fault{Path: "generatejitconfig", Handled: true, Cut: true})
	_, _, err := w.client.GenerateJITConfig(t.Context(), set.ID, "vm-1", "")
	require.ErrorIs(t, err, github.ErrUncertain)
	require.Equal(t, 1, w.server.Calls()[generated], "never blindly repeated")
	_, _, err = w.client.GenerateJITConfig(t.Context(), set.ID, "vm-1", "")
	require.ErrorIs(t, err, github.ErrRunnerExists)

	lost, err := w.client.FindRunner(t.Context(), "vm-1")
	require.NoError(t, err)
	_, err = w.client.RemoveRunner(t.Context(), lost.ID)
	require.NoError(t, err)
	again, config, err := w.client.GenerateJITConfig(t.Context(), set.ID, "vm-1", "")
	require.NoError(t, err)
	require.NotEqual(t, lost.ID, again.ID)
	_, err = w.server.Connect(config.Reveal())
	require.NoError(t, err)
}

func TestRegistrationsOfRunnersThatAreNoGood(t *testing.T) {
	for _, body := range []string{
		"", "null", "{}", `{"runner":{"id":1,"name":"a"}}`, `{"runner":{"id":1,"name":"a"},"encodedJITConfig":""}`,
		`{"runner":{"name":"a"},"encodedJITConfig":"secretsecret"}`, `{"runner":{"id":1},"encodedJITConfig":"secretsecret"}`,
		`{"runner":null,"encodedJITConfig":"secretsecret"}`, `{"runner":{"id":1,"name":"a"},"encodedJITConfig":"secretsecretsecre`,
		`{"runner":{"id":"1","name":"a"},"encodedJITConfig":"secretsecret"}`, `"secretsecretsecretsecretsecretsecretsecretsecretsecretsecret"`,
	} {
		service := &scripted{status: 200, body: body}
		_, config, err := service.client(t).GenerateJITConfig(t.Context(), 3, "a", "")
		require.ErrorIs(t, err, github.ErrMalformed, body)
		require.ErrorIs(t, err, github.ErrUncertain, body)
		require.NotContains(t, err.Error(), "secret", body)
		require.Empty(t, config.Reveal())
	}
	for _, status := range []int{400, 500} {
		service := &scripted{status: status, body: `{"message":"no","encodedJITConfig":"secretsecret"}`}
		_, _, err := service.client(t).GenerateJITConfig(t.Context(), 3, "a", "")
		require.ErrorContains(t, err, "no")
		require.NotContains(t, err.Error(), "secret")
		service = &scripted{status: status, body: `no message; "encodedJITConfig" : "secretsecret`}
		_, _, err = service.client(t).GenerateJITConfig(t.Context(), 3, "a", "")
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestAJITConfigNeverPrints(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	set := w.set()
	_, config, err := w.client.GenerateJITConfig(t.Context(), set.ID, "vm-1", "")
	require.NoError(t, err)
	held := struct{ Config github.JITConfig }{config}
	asJSON, err := json.Marshal(held)
	require.NoError(t, err)
	asYAML, err := yaml.Marshal(held)
	require.NoError(t, err)
	texts := []string{string(asJSON), string(asYAML), config.String(), fmt.Sprint(config), errors.Join(fmt.Errorf("%v", held)).Error()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, config), fmt.Sprintf(verb, &config), fmt.Sprintf(verb, held))
	}
	hidden := struct{ config github.JITConfig }{config}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", hidden, hidden, hidden), config.Reveal())
	for _, text := range texts {
		require.NotContains(t, text, config.Reveal())
		require.Contains(t, text, "redacted")
	}
}
