package main

import "github.com/spf13/cobra"

func newSlurmCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "slurm",
		Short: "What Slurm runs, and what an operator of a Slurm cluster does",
	}
	cmd.AddCommand(newSlurmHookCommands()...)
	cmd.AddCommand(newSlurmCheckCommand(), newSlurmTakeoverCommand(), newSlurmHandbackCommand())
	return cmd
}
