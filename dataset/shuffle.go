package dataset

// Shuffle is the numbers 0 to n-1 in the order of an epoch: Fisher and Yates' shuffle, where the i-th exchange takes word i%4 of the counter
// [i/4, epoch, 0, 0]. The same for the same generator and epoch, whatever came before.
func Shuffle(n, epoch int, rand Rand) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var words [4]uint32
	for i := n - 1; i > 0; i-- {
		if i%4 == 3 || i == n-1 {
			words = rand([4]uint32{uint32(i / 4), uint32(epoch), 0, 0})
		}
		j := below(words[i%4], i+1)
		order[i], order[j] = order[j], order[i]
	}
	return order
}
