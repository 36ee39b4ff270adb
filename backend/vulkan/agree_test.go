package vulkan

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/backend"
	"bnetc/compiler"
	"bnetc/internal/programs"
	"bnetc/ir/kernel"
)

var full = flag.Bool("full", false, "run the whole product of programs, not a selection")

// strict is a backend whose every call is validated, up to the machine's end; what the layers say fails the test.
type strict struct {
	Backend
	t *testing.T
}

func (b *strict) Build(ctx context.Context, p *kernel.Plan) (backend.Machine, error) {
	m, err := (&Backend{Device: b.Device, Validate: true}).Build(ctx, p)
	if err != nil {
		return nil, err
	}
	return strictMachine{m, b.t}, nil
}

type strictMachine struct {
	backend.Machine
	t *testing.T
}

func (m strictMachine) Close() error {
	err := m.Machine.Close()
	if err != nil {
		m.t.Error(err)
	}
	return err
}

// needDevice skips a test where there is nothing to run on.
func needDevice(t testing.TB) {
	t.Helper()
	_, err := Devices()
	var missing *backend.Missing
	if errors.As(err, &missing) {
		t.Skip(err)
	}
}

// class is the schedule of the device that tests run on, which is a software device where there is no other.
func class(t testing.TB) compiler.Target {
	t.Helper()
	needDevice(t)
	d, err := Find("")
	require.NoError(t, err)
	software := compiler.Software
	software.Vector = cmp.Or(d.Limits.Subgroup, software.Vector)
	return software
}

// Every program of the table agrees with the reference executor.
func TestAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	needDevice(t)
	table := programs.All()
	if *full {
		table = programs.Full()
	}
	table = append(table, programs.Drawn(*random, 7000)...)
	target := class(t)
	target.Registers, target.Columns = 22, 4 // small tiles: the driver compiles them in a fraction of the time
	target.Longest = 100                     // so that some sums are cut into slabs
	programs.Agree(t, &strict{t: t}, target, table)
}
