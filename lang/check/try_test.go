package check

import (
	"os"
	"testing"

	"bnetc/lang/diag"
	"bnetc/stdlib"
)

func try(t *testing.T, path string) {
	var l diag.List
	fns := []FunctionInfo{{Name: "identity"}, {Name: "tanh"}, {Name: "relu"}, {Name: "sigmoid"}, {Name: "softmax", Output: true}}
	opt := []OptimizerInfo{{"adam", []Setting{{"lr", 1e-3}, {"beta1", .9}, {"beta2", .999}, {"eps", 1e-8}, {"weight_decay", 0}}}, {"sgd", []Setting{{"lr", .01}}}}
	p := Check(Load(path, os.ReadFile, stdlib.FS, &l), Options{Functions: fns, Optimizers: opt, Decays: []string{"cosine"}}, &l)
	l.Render(os.Stdout)
	if p == nil {
		t.Errorf("%s: no program", path)
		return
	}
	for _, v := range p.Values {
		t.Log(v.Text, " ", v.From)
	}
	for _, g := range p.Goals {
		t.Log(g.Text)
	}
	t.Log(p.Report.String())
}

func TestTry(t *testing.T) {
	for _, f := range []string{"bp", "fa", "dfa", "tp", "dtp_parallel", "sdtp_parallel", "ao_sdtp_alternating"} {
		try(t, "../../examples/mnist_fc_"+f+".bnet")
	}
}
