package analytics

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// BookedUpdate is an update of a member that is not forgotten.
type BookedUpdate struct {
	OrgID, MemberID, EventID, Day string
	Offset                        int64
	Time                          time.Time
	Status, Locale, Currency      string
	EmailHash                     string
	Referral, Coupon, Segments    []string
}

// offsetText makes offsets sort as texts do.
const offsetText = "leftPad(toString(kafka_offset), 20, '0')"

// EachUpdate hands the updates of members that a partition took to take, some at a time:
// those since the member was forgotten last.
func (a *Audit) EachUpdate(ctx context.Context, s Standing, take func([]BookedUpdate) error) error {
	const query = `
SELECT toString(org_id), member_id, event_id, toString(toDate(time)), kafka_offset, time, toString(status), toString(locale), toString(currency), email_hash,
    referral_codes, coupon_codes, segments
FROM members
LEFT JOIN
(
    SELECT org_id, member_id, max(kafka_offset) + 1 AS since FROM members
    WHERE forgotten = 1 AND ` + ofPartition + `
    GROUP BY org_id, member_id
) AS gone USING (org_id, member_id)
WHERE forgotten = 0 AND kafka_offset >= gone.since AND ` + ofPartition + ` AND toDate32(time) BETWEEN toDate32({from:String}) AND toDate32({to:String})
    AND (org_id, member_id, ` + offsetText + `) > ({o:String}, {g:String}, {c:String})
ORDER BY org_id, member_id, kafka_offset
LIMIT {page:UInt64}`
	scan := func(rows driver.Rows) (u BookedUpdate, err error) {
		err = rows.Scan(&u.OrgID, &u.MemberID, &u.EventID, &u.Day, &u.Offset, &u.Time, &u.Status, &u.Locale, &u.Currency, &u.EmailHash, &u.Referral, &u.Coupon, &u.Segments)
		return u, err
	}
	return pages(ctx, a, "members", query, s, nil, scan, func(u BookedUpdate) page { return page{u.OrgID, u.MemberID, fmt.Sprintf("%020d", u.Offset)} }, take)
}

// BookedLink is an event that told that a visitor is a customer.
type BookedLink struct {
	OrgID, ProgramID, EventID, Day, CustomerID, VisitorID string
	Offset                                                int64
}

// EachLink hands the identity links of a partition to take, some at a time.
func (a *Audit) EachLink(ctx context.Context, s Standing, take func([]BookedLink) error) error {
	const query = `
SELECT toString(org_id), toString(program_id), event_id, toString(toDate(time)), customer_id, visitor_id, kafka_offset
FROM identity_links
WHERE ` + ofPartition + ` AND toDate32(time) BETWEEN toDate32({from:String}) AND toDate32({to:String})
    AND (org_id, customer_id, ` + offsetText + `) > ({o:String}, {g:String}, {c:String})
ORDER BY org_id, customer_id, kafka_offset
LIMIT {page:UInt64}`
	scan := func(rows driver.Rows) (l BookedLink, err error) {
		err = rows.Scan(&l.OrgID, &l.ProgramID, &l.EventID, &l.Day, &l.CustomerID, &l.VisitorID, &l.Offset)
		return l, err
	}
	return pages(ctx, a, "identity links", query, s, nil, scan, func(l BookedLink) page { return page{l.OrgID, l.CustomerID, fmt.Sprintf("%020d", l.Offset)} }, take)
}
