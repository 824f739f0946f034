package main

import (
	"cmp"
	"context"
	"fmt"

	"autoscaled/anka"
	"autoscaled/autoscale"
	"autoscaled/config"
)

// registrar is a queue that makes the record of a host before the host is there, with
// the single-use credential by which the host becomes it. Calls are not repeated.
type registrar interface {
	Register(ctx context.Context, a autoscale.Attempt) (credential string, err error)
}

// startup makes the script that starts a CI runner in a VM, of the credential that the
// queue gives for it. Controllers from 1.49 on log what they are sent, script and all,
// so nothing may travel in it that is of use a second time.
type startup struct {
	registrar registrar
	template  config.Script
	url       string // of the CI service
}

var _ anka.Startup = startup{}

// Script registers the attempt's runner, and nothing is started where that fails.
func (s startup) Script(ctx context.Context, a autoscale.Attempt) (string, error) {
	credential, err := s.registrar.Register(ctx, a)
	if err != nil {
		return "", err
	}
	return s.template.Fill(credential, a.Host, s.url), nil
}

// githubScript starts the runner that is unpacked in the VM's actions-runner folder,
// detached: the controller waits for the script and ends it after a while, and the job
// takes longer. The credential is in the environment, where other users of the VM don't
// see it as they would an argument.
const githubScript config.Script = `#!/bin/bash
cd "$HOME/actions-runner" || exit 1
[ -x ./run.sh ] || exit 1
export ACTIONS_RUNNER_INPUT_JITCONFIG={credential}
nohup ./run.sh </dev/null >"$HOME/actions-runner.log" 2>&1 &
`

// gitlabScript starts a runner for so many jobs, detached like the one above. The
// runner's program reads server, token, name and executor from these variables; for the
// number of jobs it has a flag only. It ends after its last job, and waits for each as
// long as it takes.
func gitlabScript(jobs int) config.Script {
	return gitlabScriptHead + config.Script(fmt.Sprintf(gitlabScriptRun, jobs))
}

const gitlabScriptHead config.Script = `#!/bin/bash
export PATH="$PATH:/opt/homebrew/bin:/usr/local/bin"
command -v gitlab-runner >/dev/null || exit 1
export CI_SERVER_URL={url} CI_SERVER_TOKEN={credential} RUNNER_NAME={host} RUNNER_EXECUTOR=shell
cd "$HOME" || exit 1
`

const gitlabScriptRun = `nohup gitlab-runner run-single --max-builds %d </dev/null >"$HOME/gitlab-runner.log" 2>&1 &
`

// ankaPools are the policy's pools in the provider's words.
func (p *parts) ankaPools(s *config.Scaling) []anka.PoolOptions {
	pools := make([]anka.PoolOptions, len(s.Pools))
	for i := range s.Pools {
		o := &s.Pools[i]
		pools[i] = anka.PoolOptions{
			Name: o.Name, Template: o.Template, Tag: o.Tag, PreviousTag: o.PreviousTag, Distribute: o.Distribute, Group: o.Group, Arch: o.Arch,
			VCPU: o.VCPU, VRAM: int(o.Memory / config.Size(autoscale.MiB)), Override: o.Override,
		}
		for _, l := range o.Labels {
			if pools[i].Labels == nil {
				pools[i].Labels = make(map[string]string, len(o.Labels))
			}
			pools[i].Labels[l.Name] = l.Value
		}
		if p.registrar == nil {
			continue
		}
		pools[i].Startup = startup{p.registrar, cmp.Or(o.Script, p.script), p.ciURL}
		if pools[i].ScriptMonitoring = o.ScriptMonitoring; o.ScriptMonitoring {
			pools[i].ScriptTimeout, pools[i].KeepFailed = o.ScriptTimeout.Std(), o.KeepFailed > 0
		}
	}
	return pools
}
