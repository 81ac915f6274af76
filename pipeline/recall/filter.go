package recall

// filter is a chain of blocked Bloom filters, each twice as large as the one
// before: it says "certainly not there" or "maybe". A block is a cache line of
// 512 bits, eight probes a key, twelve bits a key: about 1 in 200 keys that are
// not there are looked up in vain. (Putze, Sanders, Singler: Cache-, Hash- and
// Space-Efficient Bloom Filters, 2007.)
type filter struct {
	layers []layer
}

type layer struct {
	blocks [][8]uint64
	room   int // keys that still fit
}

const (
	firstLayerKeys = 1 << 13
	bitsPerKey     = 12
)

// fingerprint mixes what is stored of a key: its tag and its bucket.
func fingerprint(tag uint64, bucket, buckets int) uint64 {
	x := tag*uint64(buckets) + uint64(bucket)
	x ^= x >> 31
	x *= 0x9e3779b97f4a7c15 // finaliser of splitmix64
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	return x
}

func (f *filter) add(x uint64) {
	if f.has(x) {
		return
	}
	if n := len(f.layers); n == 0 || f.layers[n-1].room == 0 {
		keys := firstLayerKeys << n
		f.layers = append(f.layers, layer{blocks: make([][8]uint64, keys*bitsPerKey/512), room: keys})
	}
	l := &f.layers[len(f.layers)-1]
	l.room--
	block, bits := l.block(x), spread(x)
	for range 8 {
		block[bits>>6&7] |= 1 << (bits & 63)
		bits >>= 7
	}
}

func (f *filter) has(x uint64) bool {
	bits := spread(x)
	for i := len(f.layers) - 1; i >= 0; i-- {
		if f.layers[i].has(x, bits) {
			return true
		}
	}
	return false
}

func (l *layer) has(x, bits uint64) bool {
	block := l.block(x)
	for range 8 {
		if block[bits>>6&7]&(1<<(bits&63)) == 0 {
			return false
		}
		bits >>= 7
	}
	return true
}

// block picks by the high half; spread probes by a second mix.
func (l *layer) block(x uint64) *[8]uint64 {
	return &l.blocks[(x>>32)*uint64(len(l.blocks))>>32]
}

func spread(x uint64) uint64 {
	x *= 0x94d049bb133111eb
	return x ^ x>>29
}
