package strict

// Merge lays over on top of under and returns a new tree: maps merge by key,
// lists whose items all carry an `id` merge by id (those of under first, in
// their order), anything else of over replaces what is under it. A null of
// over replaces too, so it takes an inherited value away.
func Merge(under, over *Node) *Node {
	switch {
	case under == nil:
		return over
	case over == nil:
		return under
	case under.Kind == Map && over.Kind == Map:
		return mergeMaps(under, over)
	case under.Kind == List && over.Kind == List && identified(under) && identified(over) &&
		len(under.Items)+len(over.Items) > 0:
		return mergeLists(under, over)
	default:
		return over
	}
}

func mergeMaps(under, over *Node) *Node {
	out := &Node{Pos: over.Pos, Kind: Map, list: under.list, Pairs: make([]Pair, 0, len(under.Pairs)+len(over.Pairs))}
	for _, p := range under.Pairs {
		for _, q := range over.Pairs {
			if q.Key == p.Key {
				p = Pair{q.Key, q.Pos, Merge(p.Value, q.Value)}
				break
			}
		}
		out.Pairs = append(out.Pairs, p)
	}
	for _, q := range over.Pairs {
		if under.Get(q.Key) == nil {
			out.Pairs = append(out.Pairs, q)
		}
	}
	out.weigh()
	return out
}

func mergeLists(under, over *Node) *Node {
	out := &Node{Pos: over.Pos, Kind: List, list: under.list, Items: make([]*Node, 0, len(under.Items)+len(over.Items))}
	at := make(map[string]int, len(over.Items)) // by id, the first item of it
	for i, item := range over.Items {
		if _, twice := at[item.id()]; !twice {
			at[item.id()] = i
		}
	}
	taken := make([]bool, len(over.Items))
	for _, item := range under.Items {
		if i, both := at[item.id()]; both && !taken[i] {
			item, taken[i] = Merge(item, over.Items[i]), true
		}
		out.Items = append(out.Items, item)
	}
	for i, other := range over.Items {
		if !taken[i] {
			out.Items = append(out.Items, other)
		}
	}
	out.weigh()
	return out
}

// identified says whether every item has an id. An empty list has.
func identified(n *Node) bool {
	for _, item := range n.Items {
		if item.Kind != Map || item.id() == "" {
			return false
		}
	}
	return true
}

// id is what an item of a list is merged by.
func (n *Node) id() string {
	if id := n.Get("id"); id != nil {
		return id.Text
	}
	return ""
}
