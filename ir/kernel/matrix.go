package kernel

import "fmt"

// A MatrixProduct is what a machine multiplies at once: Rows×Depth numbers of a type by Depth×Columns of them, added up in float32.
type MatrixProduct struct {
	Rows    int  `json:"rows"`
	Columns int  `json:"columns"`
	Depth   int  `json:"depth"`
	Of      Type `json:"of"`
}

// String is the product as tables show it: 16x8x16 f16.
func (m MatrixProduct) String() string {
	return fmt.Sprintf("%dx%dx%d %s", m.Rows, m.Columns, m.Depth, m.Of)
}
