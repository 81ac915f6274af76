package e2e

// crashPrograms have one of everything. Nobody of one cast competes with anybody
// of another, so that the books are the same to the last event whatever the order:
// budgets are of a week, and each cast has its own.
const crashPrograms = `
version: 1
exchange_rates:
  - {from: EUR, to: USD, valid_from: 2010-01-01T00:00:00Z, rate: "1.0825"}
orgs:
  - id: acme
    budgets:
      - {id: growth, period: week, limit_minor: 800, currency: USD}
      - {id: fame, period: week, limit_minor: 900, currency: USD}
    segments:
      - {id: vip}
      - {id: buyers, when: 'stats.conversions >= 1'}
      - {id: seen, when: 'stats.unique_clicks >= 1'}
    programs:
      - id: shop
        goals: [{id: decade, metric: revenue, target: 100000, from: 2010-01-01T00:00:00Z, to: 2020-01-01T00:00:00Z}]
        versions:
          - valid_from: 2010-01-01T00:00:00Z
            currency: USD
            attribution: {model: linear, binding: none, shadow: [last_click], order: [coupon, click, touch]}
            attribution_grace: 0s
            margin: 0.5
            rules:
              - id: both-sides
                type: per_conversion
                kinds: [signup, sale]
                first_only: true
                rewards:
                  - {id: get, to: referrer, type: credit, flat_minor: 1000}
                  - {id: give, to: referee, type: discount, flat_minor: 500}
              - {id: commission, type: per_conversion, kinds: [sale], hold: 1h, rewards: [{id: share, type: cash, basis_points: 725}]}
              - {id: patience, type: per_conversion, kinds: [sale], hold: 876000h, rewards: [{id: late, type: cash, basis_points: 100}]}
              - {id: capped, type: per_conversion, kinds: [sale], budget: growth, limit: {count: 3}, rewards: [{id: flat, type: cash, flat_minor: 500}]}
              - {id: praised, type: per_conversion, kinds: [sale], budget: fame, rewards: [{id: flat, type: cash, flat_minor: 400}]}
      - id: club
        versions:
          - valid_from: 2010-01-01T00:00:00Z
            currency: USD
            attribution: {model: last_click, binding: customer}
            attribution_grace: 0s
            rules:
              - {id: welcome, type: grant, segment: vip, rewards: [{id: pts, type: points, quantity: 50, unit: points}]}
              - {id: first, type: tiers, metric: conversions, tiers: [{id: one, threshold: 1, rewards: [{id: cash, type: cash, amount_minor: 300}]}]}
              - id: accelerator
                type: per_conversion
                period: quarter
                rewards: [{id: share, type: cash, brackets: [{from_minor: 0, basis_points: 100}, {from_minor: 5000, basis_points: 250}]}]
`
