// Package ref runs either IR by its definition, in float64: the oracle of every test, and the target "reference". It knows both IRs
// and nothing of speed beyond what keeps tests short.
package ref
