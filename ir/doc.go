// Package ir holds what the tensor program and the kernels share: a linear operator as one relation, scalar expressions with
// their derivatives, the tables of nonlinearities and optimizers, and the counter-based random numbers. It knows no syntax, no
// rules, no loops and no devices.
package ir
