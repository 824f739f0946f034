package ankatest

import "time"

// Config describes a controller: which age its answers are of, who may ask, what its registry and
// its Macs look like, how long things take and what goes wrong by chance. docs/simulator.md shows it
// as YAML with every key. Sizes are in GB, powers of ten.
type Config struct {
	// Shapes is the age of the answers: ShapesCurrent or Shapes2019.
	Shapes string `yaml:"shapes"`
	// Errors is how failures look: ErrorsStatus, ErrorsOK, or empty for what the age is known for.
	Errors string `yaml:"errors"`
	// Version is what /api/v1/status tells.
	Version string `yaml:"version"`
	// License is the tier: LicenseBasic, LicenseEnterprise or LicenseEnterprisePlus. The basic tier
	// refuses group_id, priority and usb_device.
	License string `yaml:"license"`
	// Permissions enforces resource permissions: starts and distributions have to name a group of
	// permissions, and may not name a group of nodes. Whose permissions a group has is not simulated.
	Permissions bool `yaml:"permissions"`
	// Reschedule sends an instance whose template was pulled back to Scheduling until its VM is up,
	// as controllers do since 1.50.
	Reschedule bool `yaml:"reschedule"`

	Auth     AuthConfig     `yaml:"auth"`
	TLS      TLSConfig      `yaml:"tls"`
	Timing   Timing         `yaml:"timing"`
	Chances  Chances        `yaml:"chances"`
	Faults   []FaultRate    `yaml:"faults"`
	Registry RegistryConfig `yaml:"registry"`

	Templates []TemplateConfig `yaml:"templates"`
	Groups    []GroupConfig    `yaml:"groups"`
	Nodes     []NodeConfig     `yaml:"nodes"`
}

// The ages of answers.
const (
	ShapesCurrent = "current" // controllers of 1.44 and later
	Shapes2019    = "2019"    // the reference of December 2019
)

// How failures look.
const (
	ErrorsStatus = "status" // a 4xx status and FAIL; what current controllers do
	ErrorsOK     = "ok"     // HTTP 200 and FAIL; what old ones do
)

// The licence tiers as /api/v1/status names them. "enterprise plus" is documented; the other two
// words are this server's own.
const (
	LicenseBasic          = "basic"
	LicenseEnterprise     = "enterprise"
	LicenseEnterprisePlus = "enterprise plus"
)

// AuthConfig says who may ask. A caller that satisfies one of what is set is let in; with nothing
// set everybody is.
type AuthConfig struct {
	// RootToken is the password of the user root in HTTP basic authentication.
	RootToken string `yaml:"root_token"`
	// Keys are API keys for sessions by /tap/v1/hand and /tap/v1/shake.
	Keys []KeyConfig `yaml:"keys"`
	// ClientCertificate lets in who shows a certificate that the listener verified.
	ClientCertificate bool `yaml:"client_certificate"`
}

// KeyConfig is an API key. PublicKey is its RSA public key, PEM or the base64 of its PKIX DER form.
type KeyConfig struct {
	ID        string `yaml:"id"`
	PublicKey string `yaml:"public_key"`
}

// TLSConfig names PEM files for HTTPS; empty for plain HTTP.
type TLSConfig struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	ClientCA    string `yaml:"client_ca"` // signs what clients show; empty: none is asked for
}

// Timing holds how long things take: medians of lognormal draws where it says so.
type Timing struct {
	Pickup       time.Duration `yaml:"pickup"`        // median from a start request until a Mac may take it
	Start        time.Duration `yaml:"start"`         // median of a VM's boot
	Sigma        float64       `yaml:"sigma"`         // standard deviation of the logarithms; 0: always the median
	Network      time.Duration `yaml:"network"`       // from the boot until the VM has an address
	Script       time.Duration `yaml:"script"`        // median of a start-up script
	Terminate    time.Duration `yaml:"terminate"`     // median until the VM is gone; also of stopping one
	Kept         time.Duration `yaml:"kept"`          // how long a terminated instance stays listed
	OfflineAfter time.Duration `yaml:"offline_after"` // silence after which a Mac is Offline
}

// Chances are probabilities from 0 to 1, and a rate.
type Chances struct {
	StartFailure   float64       `yaml:"start_failure"`    // of an instance: its VM does not start, Error
	ScriptFailure  float64       `yaml:"script_failure"`   // of a start-up script: it returns 1
	Stuck          float64       `yaml:"stuck"`            // of an instance: stays in Scheduling for ever
	SlowPull       float64       `yaml:"slow_pull"`        // of a pull: SlowFactor times as long
	SlowFactor     float64       `yaml:"slow_factor"`      // at least 1
	OfflinePerHour float64       `yaml:"offline_per_hour"` // of one Mac: goes silent
	OfflineFor     time.Duration `yaml:"offline_for"`      // how long it is silent then
}

// RegistryConfig is the registry's disk and address.
type RegistryConfig struct {
	Address string  `yaml:"address"` // what anka_registry and registry_address tell
	TotalGB float64 `yaml:"total_gb"`
}

// TemplateConfig is a VM template in the registry, its tags in the order of their versions.
type TemplateConfig struct {
	Name   string      `yaml:"name"`
	ID     string      `yaml:"id"`   // default: made from the name
	Arch   string      `yaml:"arch"` // amd64 or arm64; it runs on such Macs only
	VCPU   int         `yaml:"vcpu"` // default 4
	VRAMMB int         `yaml:"vram"` // MB, default 8192
	Tags   []TagConfig `yaml:"tags"` // one at least
}

// TagConfig is one version of a template.
type TagConfig struct {
	Tag         string  `yaml:"tag"`
	Description string  `yaml:"description"`
	SizeGB      float64 `yaml:"size_gb"`
	// LayerGB is what a Mac that holds another tag of the template downloads for this one; default:
	// all of it.
	LayerGB float64 `yaml:"layer_gb"`
	// Suspended makes it the image of a suspended VM: vcpu and vram of a start are ignored then.
	Suspended bool `yaml:"suspended"`
}

// GroupConfig is a group of nodes.
type GroupConfig struct {
	Name        string `yaml:"name"`
	ID          string `yaml:"id"` // default: made from the name
	Description string `yaml:"description"`
	Fallback    string `yaml:"fallback"` // name of another group
}

// NodeConfig is one Mac, or Count equal ones that are numbered.
type NodeConfig struct {
	Name         string       `yaml:"name"`
	ID           string       `yaml:"id"`            // default: made from the name; only where count is 1
	Count        int          `yaml:"count"`         // default 1
	Arch         string       `yaml:"arch"`          // amd64 or arm64
	CPUs         int          `yaml:"cpus"`          // default 12
	RAMGB        int          `yaml:"ram"`           // GB, default 64
	Capacity     int          `yaml:"capacity"`      // VMs, default 2
	CapacityMode string       `yaml:"capacity_mode"` // number (default) or resource
	VCPUOverride int          `yaml:"vcpu_override"` // vCPUs, in mode resource
	RAMOverride  int          `yaml:"ram_override"`  // MB, in mode resource
	DiskGB       float64      `yaml:"disk_gb"`       // default 500
	OtherGB      float64      `yaml:"other_gb"`      // of the disk, not Anka's
	PullMBps     float64      `yaml:"pull_mbps"`     // MB a second from the registry, default 100
	Groups       []string     `yaml:"groups"`        // by name
	USB          []string     `yaml:"usb"`           // devices by name, Intel only
	Holds        []HoldConfig `yaml:"holds"`         // template tags it has at the start
}

// HoldConfig names a tag of a template.
type HoldConfig struct {
	Template string `yaml:"template"`
	Tag      string `yaml:"tag"`
}

// The words for architectures and capacity modes.
const (
	archIntel    = "amd64"
	archArm      = "arm64"
	modeNumber   = "number"
	modeResource = "resource"
)

// maxArmVMs is how many macOS VMs an arm64 Mac runs at a time, whatever its capacity says.
const maxArmVMs = 2

// DefaultConfig is the controller that `autoscaled simulator anka` starts: twenty Macs, ten with
// arm64 in the group apple-silicon and ten with amd64 in the groups intel and intel-usb, and three
// templates.
func DefaultConfig() Config {
	return Config{
		Shapes: ShapesCurrent, Version: "1.50.0-5d3f1e7a", License: LicenseEnterprisePlus, Reschedule: true,
		Timing: Timing{
			Pickup: 3 * time.Second, Start: 25 * time.Second, Sigma: 0.25, Network: 5 * time.Second, Script: 2 * time.Second,
			Terminate: 8 * time.Second, Kept: time.Minute, OfflineAfter: 2 * time.Minute,
		},
		Chances:  Chances{SlowFactor: 5, OfflineFor: 10 * time.Minute},
		Registry: RegistryConfig{Address: "http://anka.registry:8089", TotalGB: 4000},
		Templates: []TemplateConfig{
			{Name: "macos-15-xcode-16", Arch: archArm, VCPU: 4, VRAMMB: 8192, Tags: []TagConfig{
				{Tag: "v1", SizeGB: 60}, {Tag: "v2", SizeGB: 64, LayerGB: 9, Description: "Xcode 16.4"}}},
			{Name: "macos-14-xcode-15", Arch: archArm, VCPU: 4, VRAMMB: 8192, Tags: []TagConfig{{Tag: "v1", SizeGB: 55}}},
			{Name: "macos-13-intel", Arch: archIntel, VCPU: 4, VRAMMB: 8192, Tags: []TagConfig{{Tag: "base", SizeGB: 45}}},
		},
		Groups: []GroupConfig{
			{Name: "apple-silicon", Description: "Mac minis with arm64"},
			{Name: "intel", Description: "Mac minis with amd64"},
			{Name: "intel-usb", Description: "those with devices", Fallback: "intel"},
		},
		Nodes: defaultNodes(),
	}
}

func defaultNodes() []NodeConfig {
	arm := NodeConfig{Arch: archArm, CPUs: 10, RAMGB: 32, Capacity: 2, DiskGB: 500, OtherGB: 60, PullMBps: 100, Groups: []string{"apple-silicon"}}
	intel := NodeConfig{Arch: archIntel, CPUs: 12, RAMGB: 64, Capacity: 3, DiskGB: 500, OtherGB: 60, PullMBps: 100, Groups: []string{"intel"}}
	warm, cold, plain, usb := arm, arm, intel, intel
	warm.Name, warm.Count = "mini-arm", 6
	warm.Holds = []HoldConfig{{"macos-15-xcode-16", "v2"}, {"macos-14-xcode-15", "v1"}}
	cold.Name, cold.Count = "mini-arm-new", 4
	plain.Name, plain.Count = "mini-intel", 8
	plain.Holds = []HoldConfig{{"macos-13-intel", "base"}}
	usb.Name, usb.Count = "mini-usb", 2
	usb.Groups, usb.USB = []string{"intel-usb"}, []string{"iphone-15", "ipad"}
	usb.Holds = []HoldConfig{{"macos-13-intel", "base"}}
	return []NodeConfig{warm, cold, plain, usb}
}
