package e2e

import "strings"

// chaosPrograms have more: holds, of which what is approved when depends on the
// clock, and persons decide about some; and a budget that is too small for all. The net
// alone of the former is compared, and of the latter nothing: the judge knows what a
// budget may let through. What is hot is forgotten soon.
var chaosPrograms = strings.NewReplacer("    programs:\n", `    budgets:
      - {id: purse, period: week, limit_minor: 2100, currency: USD}
    programs:
`, "            currency: USD\n", `            currency: USD
            dedupe_window: 1m
`, "      - id: club", `      - id: later
        name: Later
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: USD
            dedupe_window: 1m
            attribution: {model: linear, binding: none}
            attribution_grace: 0s
            rules:
              - {id: thanks, type: per_conversion, kinds: [sale], hold: 1h, rewards: [{id: share, to: referrer, type: cash, basis_points: 500}]}
              - {id: patience, type: per_conversion, kinds: [sale], hold: 876000h, rewards: [{id: late, to: referrer, type: cash, basis_points: 100}]}
      - id: fame
        name: Fame
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: USD
            dedupe_window: 1m
            attribution: {model: last_click, binding: none}
            attribution_grace: 0s
            rules:
              - {id: praise, type: per_conversion, kinds: [sale], budget: purse, limit: {count: 40}, rewards: [{id: flat, to: referrer, type: cash, flat_minor: 350}]}
      - id: club`).Replace(trafficPrograms)

// fame is the program whose rewards a budget lets through, which of them is not promised.
const fame = "fame"
