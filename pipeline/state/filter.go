package state

// The filter of released claims, as filter.lua sets it.
const (
	filterBlocks    = 4096
	filterBlockSize = 32
)

// filterBlock is where the block of an id begins.
func filterBlock(field string) int64 {
	return filterBlockSize * ((int64(field[1])<<8 | int64(field[2])) % filterBlocks)
}

// inBlock tells whether the block of an id has it.
func inBlock(block, field string) bool {
	for _, bit := range []byte(field[3:11]) {
		if int(bit>>3) >= len(block) || block[bit>>3]>>(bit&7)&1 == 0 {
			return false
		}
	}
	return true
}

// filterBits are the bits of an id in its group's filter, as SETBIT counts them.
func filterBits(field string) (bits [8]int64) {
	for i, bit := range []byte(field[3:11]) {
		bits[i] = 8*(filterBlock(field)+int64(bit>>3)) + 7 - int64(bit&7)
	}
	return bits
}
