package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"autoscaled/autoscale"
	"autoscaled/autoscale/web"
)

func newPauseCommand() *cobra.Command {
	var (
		length time.Duration
		why    string
	)
	cmd := &cobra.Command{
		Use:   "pause [pool]",
		Short: "Keep a pool as it is, or all; the daemon goes on following what it asked for",
		Long: `Tells the running daemon to create, start, drain and remove nothing in a pool of the
policy, or in any. It returns once nothing is sent any more, which may take as long as a
tick. The pause is on record, so it outlasts a restart.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if length < 0 {
				return usageError(fmt.Errorf("--for %s is negative", length))
			}
			client, err := controlClient(cmd)
			if err != nil {
				return err
			}
			pause, err := client.Pause(cmd.Context(), web.PauseRequest{Pool: poolOf(args), Seconds: length.Seconds(), Why: why})
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), pauseText(pause))
			return nil
		},
	}
	cmd.Flags().DurationVar(&length, "for", 0, "end the pause by itself after this time, such as 2h; 0: not before resume")
	cmd.Flags().StringVar(&why, "reason", "", "text that is shown wherever the pause is")
	return cmd
}

func newResumeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "resume [pool]",
		Short: "End the pause of a pool, or every pause",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := controlClient(cmd)
			if err != nil {
				return err
			}
			left, err := client.Resume(cmd.Context(), web.ResumeRequest{Pool: poolOf(args)})
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), resumedText(poolOf(args), left))
			return nil
		},
	}
}

func poolOf(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// controlClient asks the daemon of the state directory that the configuration names.
func controlClient(cmd *cobra.Command) (*web.Client, error) {
	c, err := loadConfig(cmd)
	if err != nil {
		return nil, err
	}
	return web.NewClient(c.StateDir), nil
}

// pauseText is a pause in a sentence.
func pauseText(p autoscale.Pause) string {
	text := "all pools are paused"
	if p.Pool != "" {
		text = "pool " + p.Pool + " is paused"
	}
	text += " since " + p.Since.UTC().Format(time.RFC3339)
	if !p.Until.IsZero() {
		text += " until " + p.Until.UTC().Format(time.RFC3339)
	}
	if p.Why != "" {
		text += ": " + p.Why
	}
	return text
}

// resumedText tells what goes on, and what does not.
func resumedText(pool string, left []autoscale.Pause) string {
	text := "all pools go on"
	if pool != "" {
		text = "the pause of pool " + pool + " has ended"
	}
	for _, p := range left {
		text += "; " + pauseText(p)
	}
	return text
}

// pause and resume are what the control socket asks for.
func (d *daemon) pause(ctx context.Context, r web.PauseRequest) (autoscale.Pause, error) {
	length := time.Duration(r.Seconds * float64(time.Second))
	if length < 0 {
		return autoscale.Pause{}, errors.New("pause: a negative time")
	}
	return d.loop.Pause(ctx, r.Pool, length, oneLine(r.Why))
}

func (d *daemon) resume(ctx context.Context, r web.ResumeRequest) (web.Resumed, error) {
	left, err := d.loop.Resume(ctx, r.Pool)
	return web.Resumed{Paused: append([]autoscale.Pause{}, left...)}, err
}

// notes tell a visitor of the first page what is paused.
func (d *daemon) notes() []string {
	return each(d.loop.Last().Memory.Paused, pauseText)
}
