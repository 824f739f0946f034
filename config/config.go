package config

import "autoscaled/autoscale"

// Config is a checked configuration. The tags describe each key: its name, its
// default as it would stand in the file, its bounds, and its help for editors.
// Tag path:"yes" marks file names, which are relative to the config's folder; a
// field with tag content is no key, but what was in the file that the key names.
type Config struct {
	StateDir      string    `key:"state_dir" default:"/var/lib/autoscaled" path:"yes" help:"Folder of the journal and the control socket. One daemon per folder."`
	Listen        string    `key:"listen" default:"127.0.0.1:9797" help:"Address of /metrics, /livez and /readyz. Empty: none of them is served."`
	WebConfigFile string    `key:"web_config_file" default:"" path:"yes" help:"Prometheus exporter-toolkit file with TLS and basic auth for listen."`
	Retention     Duration  `key:"journal_retention" default:"720h" least:"1h" help:"How long the journal keeps operations that are finished; those under way stay as long as they are."`
	Interval      Duration  `key:"interval" default:"15s" least:"1s" help:"Time between two ticks when nothing wakes the daemon earlier."`
	DryRun        bool      `key:"dry_run" default:"false" help:"Decide and report, but change nothing."`
	Log           Log       `key:"log" help:"What is logged, on standard error."`
	Clusters      []Cluster `key:"clusters" oneof:"cyclecloud,anka" help:"The cluster to scale. Exactly one entry."`
}

// Log says what is logged and how.
type Log struct {
	Level  string `key:"level" default:"info" enum:"debug,info,warn,error" help:"The least important level that is logged. Followed without a restart."`
	Format string `key:"format" default:"console" enum:"console,json" help:"Lines for people, or one JSON object a line."`
}

// Cluster is one cloud cluster, the queue that drives it, and its policy.
type Cluster struct {
	Name       string      `key:"name" required:"yes" help:"Name in logs, metrics and the journal."`
	CycleCloud *CycleCloud `key:"cyclecloud" help:"A CycleCloud server. Exactly one of cyclecloud and anka."`
	Anka       *Anka       `key:"anka" help:"An Anka Build Cloud controller."`
	Queue      Queue       `key:"queue" required:"yes" help:"Where demand comes from: exactly one of file, http, exec, push, prometheus, slurm, gridengine, pbs, github, github_rest and gitlab."`
	Scaling    Scaling     `key:"policy" required:"yes" help:"What is allowed and wanted. Followed without a restart."`
}

// CycleCloud says how a cluster's server is reached.
type CycleCloud struct {
	URL          string   `key:"url" required:"yes" help:"Base URL of the server, as https://cyclecloud.example.com."`
	Cluster      string   `key:"cluster" default:"" help:"The cluster's name on the server. Empty: as the entry is named."`
	User         string   `key:"user" required:"yes" help:"User of the REST API."`
	PasswordFile string   `key:"password_file" default:"" path:"yes" help:"File that holds the password. Read again whenever it is needed."`
	PasswordEnv  string   `key:"password_env" default:"" help:"Environment variable that holds the password."`
	Timeout      Duration `key:"timeout" default:"30s" least:"1s" help:"Limit of one attempt of an API call."`
	TLS          TLS      `key:"tls" help:"How the server proves itself, and how we do."`
}

// TLS says how a server proves itself and how we do.
type TLS struct {
	CAFile      string `key:"ca_file" default:"" path:"yes" help:"PEM certificates to trust instead of the system's."`
	CertFile    string `key:"cert_file" default:"" path:"yes" help:"Our certificate (PEM), together with key_file."`
	KeyFile     string `key:"key_file" default:"" path:"yes" help:"Our certificate's key (PEM)."`
	Fingerprint string `key:"fingerprint" default:"" help:"SHA-256 of the server's certificate in hex; it pins a self-signed one."`
}

// Queue is where demand comes from. Exactly one field is set.
type Queue struct {
	File *FileQueue `key:"file" help:"A demand document in a file, read anew when it changes."`
	HTTP *HTTPQueue `key:"http" help:"A demand document at a URL."`
	Exec *ExecQueue `key:"exec" help:"A demand document as a command's output."`
	Push *PushQueue `key:"push" help:"A demand document that others send over HTTP."`

	Prometheus *PrometheusQueue `key:"prometheus" help:"The values of PromQL queries."`

	GridEngine *GridEngineQueue `key:"gridengine" cloud:"cyclecloud" help:"The jobs and hosts of a Grid Engine, by its own programs."`

	GitHub     *GitHubQueue     `key:"github" cloud:"anka" help:"The runner scale sets of GitHub Actions: each VM is a runner for one job."`
	GitHubREST *GitHubRESTQueue `key:"github_rest" cloud:"anka" help:"The jobs of repositories of GitHub Actions, polled: where scale sets can't be used."`

	PBS *PBSQueue `key:"pbs" cloud:"cyclecloud" help:"An OpenPBS or PBS Professional, whose nodes come and go."`

	Slurm *SlurmQueue `key:"slurm" cloud:"cyclecloud" help:"A Slurm cluster, whose nodes come and go."`

	GitLab *GitLabQueue `key:"gitlab" cloud:"anka" help:"The CI jobs of a GitLab instance: each VM is a runner for one job."`
}

// FileQueue reads a file.
type FileQueue struct {
	Path   string   `key:"path" required:"yes" path:"yes" help:"The document, YAML or JSON."`
	MaxAge Duration `key:"max_age" default:"0" help:"A document that was last written longer ago is taken for abandoned, and demand for unknown. 0: any age."`
}

// HTTPQueue reads a URL.
type HTTPQueue struct {
	URL          string   `key:"url" required:"yes" help:"Where the document is."`
	Timeout      Duration `key:"timeout" default:"30s" least:"1s" help:"Limit of one read."`
	User         string   `key:"user" default:"" help:"User for basic authentication."`
	PasswordFile string   `key:"password_file" default:"" path:"yes" help:"File that holds the password."`
	PasswordEnv  string   `key:"password_env" default:"" help:"Environment variable that holds the password."`
	TokenFile    string   `key:"token_file" default:"" path:"yes" help:"File that holds a bearer token."`
	TokenEnv     string   `key:"token_env" default:"" help:"Environment variable that holds a bearer token."`
	TLS          TLS      `key:"tls" help:"How the server proves itself, and how we do."`
}

// ExecQueue runs a command.
type ExecQueue struct {
	Command []string `key:"command" required:"yes" help:"Program and arguments; no shell is involved. A program with a slash is relative to the config's folder."`
	Timeout Duration `key:"timeout" default:"30s" least:"1s" help:"After this time the command and all it started are ended."`
}

// Scaling is the policy of a cluster; [Cluster.Policy] makes it the planner's.
type Scaling struct {
	Order        string         `key:"order" default:"as_listed" enum:"as_listed,cheapest,least_waste" without:"slurm_power_saving" help:"Which pool is tried first, after a job's own preferences and the pools' priorities."`
	Spot         string         `key:"spot" cloud:"cyclecloud" default:"" enum:"first,last" without:"slurm_power_saving" help:"Whether pools of spot nodes are tried first or last, after priorities and before order; the others are the fallback. Not set: neither."`
	Max          int            `key:"max" default:"0" least:"0" help:"Most nodes over all pools. 0: no such limit."`
	Budget       Budget         `key:"budget" help:"What the managed nodes may cost. No node is made beyond it, nor one without a known price; none is ever removed for it."`
	PricesFile   string         `key:"prices_file" cloud:"cyclecloud" default:"" path:"yes" help:"CSV with the header machine_type,region,spot,price_per_hour, for pools without a price of their own. An empty region stands for any. Followed without a restart."`
	IdleTime     Duration       `key:"idle_time" default:"5m" without:"slurm_power_saving" help:"How long a node is kept that nobody wants. Pools may differ."`
	BootTimeout  Duration       `key:"boot_timeout" default:"30m" least:"1s" help:"How long a node may take from being asked for to ready. Pools may differ."`
	DrainTimeout Duration       `key:"drain_timeout" default:"24h" without:"prometheus,slurm_power_saving" help:"How long a node may be marked for drain while something runs on it, or the queue may take to show the mark. Then the mark is withdrawn, the node takes work again, and it is tried again ever more rarely. 0: for ever. Pools may differ."`
	AbsentFor    Duration       `key:"absent_for" default:"10m" help:"How long a request that the cloud does not know is watched before it is given up. Longer than cyclecloud.timeout or anka.settle."`
	GangPatience Duration       `key:"gang_patience" default:"15m" help:"How long the first job in order waits for room that a limit does not leave, until idle nodes make way that only later jobs can use; and how long the first that needs much at once waits until room is kept for it. 0: for ever."`
	GangHold     Duration       `key:"gang_hold" default:"10m" without:"prometheus,slurm_power_saving,runners" help:"How long nodes are kept that were asked for a job which needs many at once and lacks the rest. Then others may have them, or they go at once. 0: they are not kept."`
	GroupName    string         `key:"group_name" cloud:"cyclecloud" default:"{machine_type}_pg{n}" without:"prometheus,slurm_power_saving" help:"Names of new placement groups; {nodearray}, {machine_type} and {n} are filled in."`
	Licences     []Licence      `key:"licences" without:"prometheus,slurm_power_saving,runners" help:"Tokens that jobs may draw on."`
	Resources    []ResourceRule `key:"resources" help:"What nodes offer to jobs, where that is not all that their VM has. For each resource the first rule holds that matches and sets it."`
	Pools        []Pool         `key:"pools" required:"yes" oneof:"nodearray,template" help:"What is managed, in order of preference. A nodearray that no pool names is never touched, nor is a VM that others started."`

	FairShare bool `key:"fair_share" default:"false" help:"Jobs of equal priority for different pools take turns where nodes are scarce: the next served is of those whose pools have the fewest nodes in use. Otherwise the oldest goes first."`

	CreatesPerTick  int    `key:"creates_per_tick" default:"200" least:"0" help:"Most nodes that are created or started in one tick. A job that needs more at once gets them together, when nothing else went. 0: no such limit."`
	CreatesPerHour  int    `key:"creates_per_hour" default:"2000" least:"0" help:"The same within an hour."`
	RemovalsPerTick int    `key:"removals_per_tick" default:"200" least:"0" help:"Most nodes that are removed in one tick, for whatever reason. 0: no such limit."`
	RemovalsPerHour int    `key:"removals_per_hour" default:"2000" least:"0" help:"Most nodes that are removed within an hour, for whatever reason. 0: no such limit."`
	Adopt           string `key:"adopt" default:"owned" enum:"owned,all,none" help:"Which nodes of managed pools that the journal does not know are taken for the daemon's own: owned, those that carry its mark; all, whoever made them; none. The others are reported (autoscaled orphans), and never touched."`
	DemandJump      int    `key:"demand_jump" default:"10" least:"0" help:"By which factor the cores that waiting jobs ask for may grow from one read of the queue to the next, counted from 256 at least. Beyond it nothing grows until a second read asks for about as much. 0: by any."`

	// Prices are what [Load] and [Check] found in PricesFile.
	Prices []autoscale.Price `content:"prices_file"`
}

// Budget bounds what nodes cost, in the currency of the prices.
type Budget struct {
	PerHour  float64 `key:"per_hour" default:"0" least:"0" help:"Most that an hour of all nodes may cost that run or are asked for. 0: no such limit."`
	PerMonth float64 `key:"per_month" default:"0" least:"0" help:"Most that may be spent in a calendar month; what runs is counted an hour ahead. 0: no such limit."`
	TimeZone string  `key:"time_zone" default:"UTC" help:"Where the month begins, such as Europe/Berlin."`
}

// Licence is a number of tokens that jobs draw on as licence/NAME.
type Licence struct {
	Name   string `key:"name" required:"yes" help:"Jobs draw on it as licence/NAME."`
	Tokens int    `key:"tokens" required:"yes" least:"0" help:"How many there are."`
}

// ResourceRule says what nodes offer to jobs.
type ResourceRule struct {
	Nodearray            string           `key:"nodearray" cloud:"cyclecloud" default:"" help:"Only nodes of this nodearray. Not set: of all."`
	MachineTypes         []string         `key:"machine_types" cloud:"cyclecloud" help:"Only nodes of these machine types. None: all."`
	Spot                 *bool            `key:"spot" cloud:"cyclecloud" help:"Only spot nodes, or only regular ones. Not set: both."`
	Cores                *Cores           `key:"cores" help:"vcpu, the default; pcpu, the physical cores, where the cloud tells them; or a number."`
	MemoryReserve        *Size            `key:"memory_reserve" help:"Memory that is kept from jobs, such as 1GiB. With memory_reserve_percent the greater of both."`
	MemoryReservePercent *float64         `key:"memory_reserve_percent" least:"0" help:"The same as a share of the VM's memory; below 100."`
	GPUs                 *int             `key:"gpus" least:"0" help:"Number of GPUs."`
	Custom               []CustomResource `key:"custom" help:"Countable resources that jobs may ask for by name."`
}

// CustomResource is a countable resource of a node.
type CustomResource struct {
	Name   string `key:"name" required:"yes" help:"As jobs ask for it."`
	Amount int    `key:"amount" required:"yes" least:"0" help:"How many a node has."`
}

// Pool is a set of CycleCloud buckets, or the VMs of a tag of an Anka template, under
// one policy.
type Pool struct {
	Name             string    `key:"name" required:"yes" help:"Name in logs, metrics and plans. Of Anka up to 40 letters, digits, dots, dashes and underscores."`
	Nodearray        string    `key:"nodearray" cloud:"cyclecloud" help:"The nodearray, by its name on the server. Required."`
	MachineTypes     []string  `key:"machine_types" cloud:"cyclecloud" help:"Only these machine types of the nodearray. None: all."`
	Spot             *bool     `key:"spot" cloud:"cyclecloud" help:"Only spot nodes, or only regular ones. Not set: both."`
	Labels           []Label   `key:"labels" without:"slurm_power_saving" help:"Labels of its own, for jobs to choose by in their selectors."`
	Priority         int       `key:"priority" default:"0" without:"slurm_power_saving" help:"The highest is tried first."`
	Min              int       `key:"min" default:"0" least:"0" without:"slurm_power_saving" help:"Fewest nodes, kept even if nobody wants them."`
	Max              int       `key:"max" default:"0" least:"0" help:"Most nodes. 0: no such limit."`
	MaxGroups        int       `key:"max_groups" cloud:"cyclecloud" default:"0" least:"0" without:"prometheus" help:"Most placement groups that have nodes at once; further coupled jobs wait. 0: no such limit."`
	IdleTime         *Duration `key:"idle_time" without:"slurm_power_saving" help:"As the policy's, for this pool."`
	BootTimeout      *Duration `key:"boot_timeout" least:"1s" help:"As the policy's, for this pool."`
	DrainTimeout     *Duration `key:"drain_timeout" without:"prometheus,slurm_power_saving" help:"As the policy's, for this pool."`
	JoinTimeout      Duration  `key:"join_timeout" default:"10m" without:"document,prometheus,slurm_power_saving" help:"How long a node that is up may take until the queue has heard of it, or hears of it again, where the queue tells that: a CI runner that does not register, a host that fell silent. Then it goes, unless it runs something. 0: for ever."`
	MaxBusy          Duration  `key:"max_busy" default:"0" without:"slurm_power_saving" help:"How long a node may run something without a break until it is taken to hang, and goes with what it runs. Nothing else ends a node that works. 0: any time."`
	PricePerHour     float64   `key:"price_per_hour" default:"0" least:"0" help:"Price of one node, in any currency, for budget and order: cheapest. 0: as the price file says."`
	SpotPricePerHour float64   `key:"spot_price_per_hour" cloud:"cyclecloud" default:"0" least:"0" help:"Price of one spot node, where the pool has others too. 0: as price_per_hour."`

	Removal         string `key:"removal" cloud:"cyclecloud" default:"terminate" enum:"terminate,shutdown,deallocate,remove" help:"How nodes go that nobody wants: terminate, deallocate (the disk stays, and they are started again before others are created), shutdown (as each node's ShutdownPolicy says), remove (terminate that takes the record of a Fixed node too)."`
	KeepDeallocated int    `key:"keep_deallocated" cloud:"cyclecloud" default:"0" least:"0" help:"Most deallocated nodes that stay while nobody wants them; those deallocated longest are terminated. 0: all stay."`

	KeepFailed   int    `key:"keep_failed" default:"0" least:"0" help:"Most failed nodes that stay to be looked at, the newest. They serve nobody, count to max and all limits, and cost money. 0: none."`
	ReportFailed string `key:"report_failed" cloud:"cyclecloud" help:"Category of the guest health report that is made of each failed node before it goes, such as Resource.Hpc.Unhealthy.HpcGenericFailure. Not set: none."`

	Template string `key:"template" cloud:"anka" help:"The VM template, by its name or id in the registry. Required."`
	Tag      string `key:"tag" cloud:"anka" help:"The tag of the template that VMs are started from. Required. Another tag makes those that run the old one outdated."`
	Group    string `key:"group" cloud:"anka" help:"Only Macs of this group and of those it falls back to, by its name or id. Needs an Enterprise licence. Not set: all Macs."`
	VCPU     int    `key:"vcpu" cloud:"anka" least:"1" help:"Virtual cores of one VM, as in the template. Required."`
	Memory   Size   `key:"memory" cloud:"anka" help:"Memory of one VM, as in the template: such as 14GiB, in whole MiB. Required."`
	Override bool   `key:"override" cloud:"anka" default:"false" help:"Start VMs with vcpu and memory whatever the template says. Works with templates of stopped VMs only."`
	Arch     string `key:"arch" cloud:"anka" enum:"amd64,arm64" help:"The template's architecture, where the controller is too old to tell it. Not set: as the controller tells."`

	PreviousTag string `key:"previous_tag" cloud:"anka" help:"The tag that was used before: started on Macs that hold it where no Mac that holds tag has a free slot, while tag is brought to them."`

	Distribute bool `key:"distribute" cloud:"anka" default:"false" help:"Bring the tag to the pool's Macs before a VM needs it, at most pulling_percent of them at a time."`

	ScriptFile       string   `key:"script_file" cloud:"anka" default:"" path:"yes" help:"Start-up script of VMs that are CI runners, in which {credential}, {host} and {url} are filled in, quoted for the shell. It must start the runner detached. Not set: one that is built in. Followed without a restart."`
	ScriptMonitoring bool     `key:"script_monitoring" cloud:"anka" default:"true" help:"Let the controller watch the start-up script, so that a VM whose script fails is ended at once. Controllers before 1.24 can't."`
	ScriptTimeout    Duration `key:"script_timeout" cloud:"anka" default:"90s" least:"1s" help:"How long a script that is watched may take, in whole seconds; what it started detached goes on."`
	// Script is what [Load] and [Check] found in ScriptFile.
	Script Script `content:"script_file"`

	Buffer            int        `key:"buffer" default:"0" least:"0" without:"slurm_power_saving" help:"Nodes kept or made beyond those that jobs use, as far as max and all limits allow."`
	BufferPercent     int        `key:"buffer_percent" default:"0" least:"0" without:"slurm_power_saving" help:"The same as a share of those that jobs use, rounded up: 10 keeps one more for every ten."`
	MaxAge            Duration   `key:"max_age" default:"0" without:"slurm_power_saving" help:"How long after it was asked for a node takes no more work and is replaced, a tenth of the pool at a time. 0: never."`
	RemoveGroupsWhole bool       `key:"remove_groups_whole" cloud:"cyclecloud" default:"false" without:"prometheus,slurm_power_saving" help:"Nodes of a placement group go only when all may go, and together; failed and late ones by themselves."`
	Schedules         []Schedule `key:"schedules" help:"Windows of time in which min, max or idle_time are others. Of open ones the last listed that sets a key wins; a min above max is cut to max."`
}

// Schedule is a window of time in which a pool has another policy. It is open when
// its next end comes before its next start.
type Schedule struct {
	Name     string    `key:"name" required:"yes" help:"Name in reasons."`
	Start    string    `key:"start" required:"yes" help:"When it opens: minute, hour, day of month, month, day of week, as in cron: 0 8 * * 1-5."`
	End      string    `key:"end" required:"yes" help:"When it closes, as start."`
	TimeZone string    `key:"time_zone" default:"UTC" help:"Whose local time start and end are in, such as Europe/Berlin. A time that daylight saving skips counts when the clock has gone forward; one that it repeats counts once."`
	Min      *int      `key:"min" least:"0" without:"slurm_power_saving" help:"As the pool's, while it is open."`
	Max      *int      `key:"max" least:"1" help:"As the pool's, while it is open. Nodes above it are not removed for it."`
	IdleTime *Duration `key:"idle_time" without:"slurm_power_saving" help:"As the pool's, while it is open."`
}

// Label is a label that the operator gives a pool.
type Label struct {
	Name  string `key:"name" required:"yes" help:"Any name that the cloud does not use: not nodearray, machine_type, region or spot; nor, of Anka, pool, template, tag or group."`
	Value string `key:"value" required:"yes" help:"What jobs compare with, without case."`
}
