package pbstest

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
)

// programs are the commands.
var programs = []string{"qstat", "pbsnodes", "qmgr", "qrls"}

const socketName = "pbs.sock"

type request struct {
	Program string
	Args    []string
}

// Answer is what a command printed, and its exit status.
type Answer struct {
	Out, Err string
	Code     int
}

// Command acts as one of PBS's commands where the program was called so, and never returns
// then.
func Command() {
	if !slices.Contains(programs, filepath.Base(os.Args[0])) {
		return
	}
	a, err := ask(filepath.Join(filepath.Dir(os.Args[0]), socketName), request{filepath.Base(os.Args[0]), os.Args[1:]})
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot connect to server pbs1 (errno=15010):", err)
		os.Exit(255)
	}
	fmt.Fprint(os.Stdout, a.Out)
	fmt.Fprint(os.Stderr, a.Err)
	os.Exit(a.Code)
}

func ask(socket string, r request) (a Answer, err error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return a, err
	}
	defer conn.Close()
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return a, err
	}
	return a, json.NewDecoder(conn).Decode(&a)
}

// Install puts the commands into a folder, as links to a program that begins with
// [Command], and answers them until the returned function is called.
func (s *Server) Install(folder, program string) (stop func() error, err error) {
	for _, name := range programs {
		if err := os.Symlink(program, filepath.Join(folder, name)); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("unix", filepath.Join(folder, socketName))
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // it was closed
			}
			go s.serve(conn)
		}
	}()
	return listener.Close, nil
}

func (s *Server) serve(conn net.Conn) {
	defer conn.Close()
	var r request
	if json.NewDecoder(conn).Decode(&r) != nil {
		return // who asked has gone
	}
	_ = json.NewEncoder(conn).Encode(s.Run(r.Program, r.Args...)) // likewise
}
