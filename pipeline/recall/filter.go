package recall

// filter is a blocked Bloom filter: it says "certainly not there" or "maybe". A
// block is a cache line of 512 bits, eight probes a key, twelve bits a key: about 1
// in 200 keys that are not there are looked up in vain, more only where a segment
// holds more than it was made for. (Putze, Sanders, Singler: Cache-, Hash- and
// Space-Efficient Bloom Filters, 2007.)
//
// It is as large as its segment may become, so that a key costs one cache miss; a
// chain of filters that grow would cost one for each. It has a part of its own for
// each page of buckets.
type filter struct {
	blocks     [][8]uint64
	pageBlocks int // of each page
}

const bitsPerKey = 12

// newFilter makes room for so many keys a page.
func newFilter(keys, pages int) filter {
	pageBlocks := max(1, keys*bitsPerKey/512)
	return filter{blocks: make([][8]uint64, pages*pageBlocks), pageBlocks: pageBlocks}
}

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

func (f *filter) add(page int, x uint64) {
	block, bits := f.block(page, x), spread(x)
	for range 8 {
		block[bits>>6&7] |= 1 << (bits & 63)
		bits >>= 7
	}
}

func (f *filter) has(page int, x uint64) bool {
	block, bits := f.block(page, x), spread(x)
	for range 8 {
		if block[bits>>6&7]&(1<<(bits&63)) == 0 {
			return false
		}
		bits >>= 7
	}
	return true
}

// block picks by the high half; spread probes by a second mix.
func (f *filter) block(page int, x uint64) *[8]uint64 {
	return &f.blocks[page*f.pageBlocks+int((x>>32)*uint64(f.pageBlocks)>>32)]
}

func (f *filter) page(i int) [][8]uint64 {
	return f.blocks[i*f.pageBlocks : (i+1)*f.pageBlocks]
}

func spread(x uint64) uint64 {
	x *= 0x94d049bb133111eb
	return x ^ x>>29
}
