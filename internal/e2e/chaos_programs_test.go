package e2e

import "strings"

// chaosPrograms have holds, too: what they approve when depends on the clock, so
// their net alone is compared.
var chaosPrograms = strings.Replace(trafficPrograms, "      - id: club", `      - id: later
        name: Later
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: USD
            attribution: {model: linear, binding: none}
            attribution_grace: 0s
            rules:
              - {id: thanks, type: per_conversion, kinds: [sale], hold: 1h, rewards: [{id: share, to: referrer, type: cash, basis_points: 500}]}
      - id: club`, 1)
