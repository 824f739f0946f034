package ankatest

import (
	"fmt"
	"net/http"
)

// apiRoutes lists the calls of the 2019 reference.
func apiRoutes() map[string]handling {
	return map[string]handling{
		"POST /api/v1/vm":   postVM,
		"PUT /api/v1/vm":    putVM,
		"DELETE /api/v1/vm": deleteVM,
		"GET /api/v1/vm":    getVM,

		"GET /api/v1/node":         getNode,
		"DELETE /api/v1/node":      deleteNode,
		"POST /api/v1/node/config": postNodeConfig,

		"GET /api/v1/registry/vm":             getTemplates,
		"DELETE /api/v1/registry/vm":          deleteTemplate,
		"DELETE /api/v1/registry/revert":      deleteRevert,
		"POST /api/v1/registry/vm/distribute": postDistribute,
		"GET /api/v1/registry/vm/distribute":  getDistribute,

		"POST /api/v1/image": postImage,
		"GET /api/v1/image":  getImage,

		"POST /api/v1/group":        postGroup,
		"GET /api/v1/group":         getGroup,
		"PUT /api/v1/group":         putGroup,
		"DELETE /api/v1/group":      deleteGroup,
		"POST /api/v1/node/group":   postMembers,
		"DELETE /api/v1/node/group": deleteMembers,

		"GET /api/v1/usb": getUSB,
	}
}

// newerRoutes lists the calls that came after 2019, with the version that brought them where it is
// known.
func newerRoutes() map[string]handling {
	return map[string]handling{
		"GET /api/v1/status":                    getStatus,        // by 1.13
		"GET /api/v1/registry/disk":             getDisk,          //
		"DELETE /api/v1/registry/vm/remove":     deleteFromNodes,  // 1.20
		"DELETE /api/v1/registry/vm/distribute": deleteDistribute, // 1.43
		"POST /api/v1/rpc/vm/restart":           postRestart,      // 1.44
	}
}

// openRoutes lists the calls that need no authentication.
func openRoutes() map[string]handling {
	return map[string]handling{
		"GET /livez":         getLive,  // 1.41
		"GET /readyz":        getReady, // 1.41
		"POST /tap/v1/hand":  hand,
		"POST /tap/v1/shake": shake,
	}
}

func (s *Server) route() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.help)
	for pattern, handle := range apiRoutes() {
		mux.Handle(pattern, s.api(handle, false))
	}
	if s.cfg.Shapes == Shapes2019 {
		return mux
	}
	for pattern, handle := range newerRoutes() {
		mux.Handle(pattern, s.api(handle, false))
	}
	for pattern, handle := range openRoutes() {
		mux.Handle(pattern, s.api(handle, true))
	}
	return mux
}

// help tells a visitor without credentials what this is.
func (s *Server) help(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprint(rw, helpText)
}

const helpText = `Anka controller simulator: the REST API of an Anka Build Cloud controller, without the Macs.

  GET    /api/v1/status
  GET    /api/v1/vm                      GET /api/v1/vm?id=ID
  POST   /api/v1/vm                      {"vmid": "TEMPLATE", "tag": "...", "group_id": "...", "external_id": "..."}
  PUT    /api/v1/vm?id=ID                {"name": "...", "metadata": {...}}
  DELETE /api/v1/vm                      {"id": "ID"}
  GET    /api/v1/node                    GET /api/v1/node?id=ID
  POST   /api/v1/node/config             {"node_id": "ID", "max_vm_count": 2, "drain_mode": true}
  DELETE /api/v1/node                    {"node_id": "ID"}
  GET    /api/v1/registry/vm             GET /api/v1/registry/vm?id=ID   (also apiVer=v1)
  DELETE /api/v1/registry/vm?id=ID       DELETE /api/v1/registry/revert?id=ID&tag=TAG
  POST   /api/v1/registry/vm/distribute  {"template_id": "ID", "tag": "...", "node_ids": [...]}
  GET    /api/v1/registry/vm/distribute  DELETE /api/v1/registry/vm/distribute?id=ID
  DELETE /api/v1/registry/vm/remove?id=ID
  GET    /api/v1/registry/disk
  POST   /api/v1/image                   GET /api/v1/image?id=ID
  GET    /api/v1/group                   POST, PUT ?id=ID, DELETE ?id=ID
  POST   /api/v1/node/group              DELETE /api/v1/node/group   {"group_ids": [...], "node_ids": [...]}
  POST   /api/v1/rpc/vm/restart          {"instance_id": "ID"}
  GET    /api/v1/usb
  GET    /livez                          GET /readyz
  POST   /tap/v1/hand                    POST /tap/v1/shake
`
