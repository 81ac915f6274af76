package consumers

// The contract's topics (contract §2), by the contract's names.
const (
	Clicks       = "referral.clicks"
	Conversions  = "referral.conversions"
	Members      = "referral.members"
	Fulfillments = "referral.fulfillments"
	Credits      = "referral.credits"
	Rewards      = "referral.rewards"
	Attributions = "referral.attributions"
	Segments     = "referral.segments"
	DeadLetters  = "referral.dead-letters"
)

// Inputs are the topics that the consumer group reads.
func Inputs() []string {
	return []string{Clicks, Conversions, Members, Fulfillments, Credits}
}

// Outputs are the topics that are only written. (Credits are written and read.)
func Outputs() []string {
	return []string{Rewards, Attributions, Segments, DeadLetters}
}

// Names maps the contract's topic names to the names in Kafka.
type Names struct {
	Prefix  string            // put before every name that is not renamed
	Renames map[string]string // the contract's name -> the whole name in Kafka
}

// Kafka is a topic's name in Kafka.
func (n Names) Kafka(contract string) string {
	if name := n.Renames[contract]; name != "" {
		return name
	}
	return n.Prefix + contract
}

// Contract is the contract's name of a topic in Kafka; false for a topic that is none of ours.
func (n Names) Contract(kafka string) (string, bool) {
	for _, name := range allTopics() {
		if n.Kafka(name) == kafka {
			return name, true
		}
	}
	return "", false
}

func (n Names) all(contract []string) []string {
	names := make([]string, len(contract))
	for i, name := range contract {
		names[i] = n.Kafka(name)
	}
	return names
}

func allTopics() []string { return append(Inputs(), Outputs()...) }
