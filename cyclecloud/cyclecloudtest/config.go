package cyclecloudtest

import "time"

// Config describes a server: who may ask, what its clusters look like, how long things take and
// what goes wrong by chance. docs/simulator.md shows it as YAML with every key.
type Config struct {
	User     string `yaml:"user"`
	Password string `yaml:"password"`

	Timing  Timing      `yaml:"timing"`
	Chances Chances     `yaml:"chances"`
	Faults  []FaultRate `yaml:"faults"`

	// Shortage says how a bucket without stock shows it: ShortageFail or ShortageShort.
	Shortage string `yaml:"shortage"`
	// MinRecordBytes pads the Configuration of each node record until the record has this size.
	MinRecordBytes int `yaml:"min_record_bytes"`
	// UnknownRequestStatus answers GET nodes?request_id= for an id never seen: 404 or 400, since
	// servers of both kinds exist.
	UnknownRequestStatus int `yaml:"unknown_request_status"`
	// OmitQuotaDetail leaves out the optional family and regional fields of a bucket, as an older
	// server does.
	OmitQuotaDetail bool `yaml:"omit_quota_detail"`

	MachineTypes []MachineType   `yaml:"machine_types"`
	Regions      []RegionConfig  `yaml:"regions"`
	Clusters     []ClusterConfig `yaml:"clusters"`
}

// What a bucket without stock does.
const (
	// ShortageFail accepts the nodes; those without a VM end as Unavailable while acquiring.
	ShortageFail = "fail"
	// ShortageShort adds fewer nodes than asked and says so in the set's message.
	ShortageShort = "short"
)

// Timing holds medians of what takes time; the draws around them are lognormal.
type Timing struct {
	Boot         time.Duration `yaml:"boot"`       // creation to Ready; a fifth of it is spent acquiring the VM
	BootSigma    float64       `yaml:"boot_sigma"` // standard deviation of the logarithm; 0: always the median
	Terminate    time.Duration `yaml:"terminate"`  // also deallocate; a tenth of it where there is no VM
	Restart      time.Duration `yaml:"restart"`
	HostnameLate time.Duration `yaml:"hostname_late"` // how long after Ready a node's host name is known
	// StatusAge is how old the nodes and counts of GET status may be: one answer is given
	// until it is so old. 0: each tells what is.
	StatusAge time.Duration `yaml:"status_age"`
}

// Chances are probabilities a node, each from 0 to 1, and a rate.
type Chances struct {
	BootFailure      float64 `yaml:"boot_failure"`       // ends as Failed instead of Ready
	NeverUp          float64 `yaml:"never_up"`           // stays Acquiring or Preparing for ever
	EvictionsPerHour float64 `yaml:"evictions_per_hour"` // of one running spot node
}

// RegionConfig holds the quotas of a region and what others use of them, in cores. A region or
// family that is not listed has a quota of a million cores.
type RegionConfig struct {
	Name      string         `yaml:"name"`
	Cores     int            `yaml:"cores"`
	UsedCores int            `yaml:"used_cores"`
	SpotCores int            `yaml:"spot_cores"`
	UsedSpot  int            `yaml:"used_spot"`
	Families  []FamilyConfig `yaml:"families"`
}

// FamilyConfig is the quota of one VM family in one region, in cores.
type FamilyConfig struct {
	Name      string `yaml:"name"`
	Cores     int    `yaml:"cores"`
	UsedCores int    `yaml:"used_cores"`
}

// ClusterConfig is one cluster. Limits of 0 mean the server's default: 10,000 nodes and a million
// cores.
type ClusterConfig struct {
	Name         string            `yaml:"name"`
	State        string            `yaml:"state"`         // default Started
	NeverStarted bool              `yaml:"never_started"` // then state and targetState are absent
	Region       string            `yaml:"region"`        // default westeurope
	MaxCount     int               `yaml:"max_count"`
	MaxCores     int               `yaml:"max_cores"`
	HeadNodes    []HeadNodeConfig  `yaml:"head_nodes"` // default: one "scheduler"
	Nodearrays   []NodearrayConfig `yaml:"nodearrays"`
}

// HeadNodeConfig is a node outside all nodearrays. It draws on quotas, not on the cluster's limits.
type HeadNodeConfig struct {
	Name        string `yaml:"name"`
	MachineType string `yaml:"machine_type"` // default Standard_D4s_v5
}

// NodearrayConfig is one nodearray; its buckets are offered in the order given here.
type NodearrayConfig struct {
	Name             string         `yaml:"name"`
	Region           string         `yaml:"region"` // default: the cluster's
	MaxCount         int            `yaml:"max_count"`
	MaxCores         int            `yaml:"max_cores"`
	Spot             bool           `yaml:"spot"`
	Priority         int            `yaml:"priority"`
	PlacementGroup   string         `yaml:"placement_group"` // for nodes created without one
	MaxGroupSize     int            `yaml:"max_group_size"`  // default 100
	ShutdownPolicy   string         `yaml:"shutdown_policy"` // Terminate (default) or Deallocate
	ThrottleCapacity bool           `yaml:"throttle_capacity"`
	ThrottleTime     time.Duration  `yaml:"throttle_time"` // default 5m
	Configuration    map[string]any `yaml:"configuration"`
	Buckets          []BucketConfig `yaml:"buckets"`
}

// BucketConfig is one machine type in a nodearray.
type BucketConfig struct {
	MachineType    string `yaml:"machine_type"`
	MaxCount       int    `yaml:"max_count"`
	MaxCores       int    `yaml:"max_cores"`
	MaxGroupSize   int    `yaml:"max_group_size"` // default: the nodearray's
	Stock          *int   `yaml:"stock"`          // VMs that the cloud really has; absent: plenty
	InvalidReason  string `yaml:"invalid_reason"` // NotActivated or DisabledMachineType make it invalid
	PlacementScore string `yaml:"placement_score"`
}

const (
	defaultMaxCount  = 10_000
	defaultMaxCores  = 1_000_000
	defaultGroupSize = 100
	defaultThrottle  = 5 * time.Minute
	defaultRegion    = "westeurope"
	defaultHeadType  = "Standard_D4s_v5"
)

// DefaultConfig is the server that `autoscaled simulator cyclecloud` starts: one cluster, demo,
// with the two buckets of the how-to's nodearray ondemand and the two of execute.
func DefaultConfig() Config {
	return Config{
		User:                 "admin",
		Password:             "demo-password",
		Timing:               Timing{Boot: 5 * time.Minute, BootSigma: 0.35, Terminate: 90 * time.Second, Restart: 2 * time.Minute},
		Shortage:             ShortageFail,
		UnknownRequestStatus: 404,
		Regions: []RegionConfig{{
			Name: defaultRegion, Cores: 8000, SpotCores: 2000,
			Families: []FamilyConfig{{Name: "standardFSv2Family", Cores: 4000}, {Name: "standardHCSFamily", Cores: 1760}},
		}},
		Clusters: []ClusterConfig{{
			Name: "demo",
			Nodearrays: []NodearrayConfig{
				{Name: "ondemand", MaxCores: 500, Buckets: []BucketConfig{
					{MachineType: "Standard_F32s_v2"}, {MachineType: "Standard_HC44rs"},
				}},
				{Name: "execute", MaxCount: 200, Buckets: []BucketConfig{
					{MachineType: "Standard_F4s_v2"}, {MachineType: "Standard_F16s_v2"},
				}},
			},
		}},
	}
}
