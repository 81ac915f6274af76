/* The protocol of docs/exactly-once.md, for Spin. README.md beside this file says what is
 * modelled, what is left out and why, and what each mutant drops.
 *
 * A call to Kafka, Redis or ClickHouse is one step of the worker that makes it. What makes
 * the world unkind is bounded by budgets: crashes, failures, requests that arrive late,
 * rebalances, time, facts that drift, groups that begin anew, a Redis that is an older one.
 */

/* ---- what is composed, and how often the world is unkind ---- */
#ifndef RECORDS
#define RECORDS 2    /* records of the first partition when it begins */
#endif
#ifndef ARRIVALS
#define ARRIVALS 0   /* records that come later */
#endif
#ifndef PARTS
#define PARTS 1
#endif
#ifndef CRASHES
#define CRASHES 1    /* a worker dies */
#endif
#ifndef FAILS
#define FAILS 0      /* a call fails, and the worker takes the partition over again in its generation */
#endif
#ifndef LATE
#define LATE 0       /* a copy of a request stays on its way */
#endif
#ifndef SPARE
#define SPARE 1      /* a rebalance without a death: a zombie is left behind, or a partition given up */
#endif
#ifndef TICKS
#define TICKS 0      /* more time passes than tokens and leases last */
#endif
#ifndef DRIFT
#define DRIFT 1      /* what a look-up finds changes */
#endif
#ifndef HOLDS
#define HOLDS 0      /* the n-th hold ends at the n-th tick */
#endif
#ifndef RESETS
#define RESETS 0     /* the group begins again at generation 1, with or without its commits */
#endif
#ifndef LOSSES
#define LOSSES 0     /* Redis comes back as it was some time before */
#endif
#ifndef FORGETS
#define FORGETS 0    /* the ledger forgets the credits that it took */
#endif
#ifdef FIRST_ONLY    /* workers die, fail and leave requests behind on partition 0 alone */
#define unkind(p) (p == 0)
#else
#define unkind(p) (true)
#endif
/* CLAIMS: the records of both partitions name one id.
   STAGES: partition 1 reads what partition 0 publishes. */

#define RUNS   (2 * PARTS)
#define JOINS  (2 + SPARE + CRASHES + RESETS + RESETS)
#ifdef STAGES
#define LOGMAX (RECORDS + CRASHES + FAILS + LATE + SPARE)
#else
#define LOGMAX (RECORDS + ARRIVALS)
#endif
#define BATCHES (LOGMAX + HOLDS)

#define SET    128   /* in facts and records: there is one */
#define SEEN    64   /* decided by somebody who saw the batch's own effect */
#define LOST_ID 32   /* the id belongs to another */

/* ---- the properties ---- */
mtype = { memory_whole, once, same, bounds_follow, durable, memory_once, told_after_books, zombie, false_alarm, reward_once, id_once, finished, view_exact };

inline must(claim_, property) {
	if
	:: (claim_)
	:: else -> printf("REFUTED %e\n", property); assert(false)
	fi
}

#ifdef DATA_ONLY /* without the property that a zombie changes nothing: whether anything wrong comes of it */
#define abreast(j, f) (true)
#else
#define abreast(j, f) (j >= f)
#endif

/* ---- Kafka ---- */
typedef Commit { bit set; byte off; byte num; bit bound; byte end; byte time };
Commit commit[PARTS];
byte logEnd[PARTS];
#ifdef STAGES
byte credit[LOGMAX + 1];        /* the log of partition 1: numbers of batches of partition 0 */
#endif

byte join = 1;                  /* the assignment that holds; a member id and generation are one of them */
byte gen = 1;                   /* its generation, as Kafka counts it */
byte owner[PARTS];
bit taken[PARTS];               /* its owner has begun to work it */
bit busy[PARTS];                /* ... and is in mid-batch */
bit dead[PARTS];                /* ... and died, or was fenced */
bit lease[JOINS + 1];           /* by assignment: a lease of it may still hold */

/* ---- Redis ---- */
typedef Redis {
	byte num; byte era; byte gen;   /* the marker: last filled batch, and the fence */
	byte jn; byte jfirst; byte jend; byte jtime; byte jfacts; byte jrec; /* the journal; jrec 0: begun */
	byte mem[BATCHES + 1];          /* what was applied of each batch: its record */
	byte released;                  /* holds that were released */
#ifdef STAGES
	byte ledger;                    /* credits that were taken, as bits */
#endif
#ifdef CLAIMS
	byte cnum; byte cera; byte cgen; /* the marker's field of claims */
#endif
};
Redis redis[PARTS];
#ifdef CLAIMS
byte claim;                     /* who owns the id: 1 + partition */
#endif
byte fence[PARTS];              /* ghost: the assignment that took over last */
#if LOSSES
Redis older[PARTS];
#endif
byte snaps = LOSSES, losses;    /* losses: how often it may still come back older */
bit lost;                       /* it did */

/* ---- ClickHouse ---- */
typedef Table { bit rows[BATCHES + 1]; byte token[BATCHES + 1]; };
typedef Books { Table t[2]; bit view[BATCHES + 1]; };
Books books[PARTS];

/* ---- ghosts: what the first effect outside of Redis said of each batch ---- */
typedef Truth { bit set[BATCHES + 1]; byte first[BATCHES + 1]; byte end[BATCHES + 1]; byte time[BATCHES + 1]; byte rec[BATCHES + 1]; bit told[BATCHES + 1]; };
Truth truth[PARTS];
byte released[PARTS];
byte rewarded;                  /* credits that have a reward, as bits */
byte inCredits;                 /* those that the table credits has */
bit counted;                    /* a record with the id counts */
bit stopped;                    /* somebody stopped: Redis lost data */

/* ---- the world ---- */
byte epoch;                     /* ticks so far */
bit world;                      /* what a look-up finds */
byte crashes = CRASHES, fails = FAILS, lates = LATE, spare = SPARE, ticks = TICKS, drift = DRIFT, resets = RESETS, forgets = FORGETS;

/* A request, which is also what a worker knows. */
typedef Request {
	byte kind; byte p;
	byte join; byte era; byte gen;
	byte n; byte first; byte end; byte time;
	byte facts; byte rec;
	byte until;                 /* the lease, as the tick in which it was looked at */
};
#define COMMIT_BOUND 1
#define COMMIT_ACK   2
#define BEGIN        3
#define CLAIM        4
#define FILL         5
#define MEMORY       6
#define INSERT_0     7
#define INSERT_1     8
#define PUBLISH      9
#if LATE
Request slot;                   /* a request that is still on its way */
#endif

#define OK       0
#define STANDS   1
#define FENCED   2
#define DATALOST 3
#define REFUSED  4

/* ---- Kafka: commits ---- */
inline doCommit(r, isBound) {
	if
#ifdef MUTANT_COMMIT
	:: true ->
#else
	:: r.join == join ->        /* generation and member id */
#endif
		must(abreast(r.join, join), zombie);
		/* What is acknowledged is done: all before a bound, and an acknowledged batch itself. */
		i = (isBound -> r.n - 1 : r.n);
		if
		:: i > 0 -> must(truth[r.p].set[i] && books[r.p].t[0].rows[i] && books[r.p].t[1].rows[i] && truth[r.p].told[i], durable)
		:: else
		fi;
		commit[r.p].set = 1; commit[r.p].bound = isBound; commit[r.p].num = r.n; commit[r.p].time = r.time;
		commit[r.p].off = (isBound -> r.first : r.end);
		commit[r.p].end = r.end;
		i = 0; res = OK
	:: else -> res = FENCED
	fi
}

/* ---- Redis: marker.lua, home.lua ---- */
#define R redis[r.p]
#define behind(r, e, g) (r.era < e || (r.era == e && r.gen < g))

inline home(r) {
	if
#ifndef MUTANT_GENERATION
	:: behind(r, redis[r.p].era, redis[r.p].gen) -> res = FENCED
#ifndef MUTANT_TAKEOVER
	:: !behind(r, redis[r.p].era, redis[r.p].gen) && !(r.era == redis[r.p].era && r.gen == redis[r.p].gen) -> res = DATALOST
#endif
#endif
	:: else ->
		if
#ifndef MUTANT_ORDER
		:: r.n < redis[r.p].num -> res = FENCED
#endif
#ifndef MUTANT_NEXT
		:: r.n > redis[r.p].num + 1 -> res = DATALOST
#endif
		:: else -> res = OK
		fi
	fi
}
inline changes(r) { must(abreast(r.join, fence[r.p]) || lost || RESETS, zombie) } /* a group made anew may count to an old generation */

inline doBegin(r) {
	home(r);
	if
	:: res == OK && redis[r.p].jn == r.n -> res = STANDS
	:: res == OK && redis[r.p].jn != r.n && r.n == redis[r.p].num -> res = FENCED
	:: res == OK && redis[r.p].jn != r.n && r.n != redis[r.p].num ->
		changes(r);
		redis[r.p].jn = r.n; redis[r.p].jfirst = r.first; redis[r.p].jend = r.end; redis[r.p].jtime = r.time;
		redis[r.p].jfacts = r.facts; redis[r.p].jrec = 0
	:: else
	fi
}

/* The partition's own memory, in the same step as the record. */
inline doMemory(r) {
	must(r.n == 1 || redis[r.p].mem[r.n - 1] != 0, memory_whole);
	must(redis[r.p].mem[r.n] == 0, memory_once);
	redis[r.p].mem[r.n] = r.rec;
#if HOLDS
	if
	:: (r.rec >> 2) & 3 -> redis[r.p].released = (r.rec >> 2) & 3
	:: else
	fi;
#endif
#ifdef STAGES
	if
	:: r.p == 1 -> redis[1].ledger = redis[1].ledger | ((r.rec >> 4) & 3)
	:: else
	fi;
#endif
}

inline doFill(r) {
	home(r);
	if
	:: res != OK
#ifndef MUTANT_STANDS
	:: res == OK && redis[r.p].jrec && redis[r.p].jn == r.n -> res = STANDS
	:: res == OK && redis[r.p].jn != r.n && r.n == redis[r.p].num -> res = FENCED
#endif
#ifdef CLAIMS
	:: res == OK && !(redis[r.p].jrec && redis[r.p].jn == r.n) && r.n != redis[r.p].num && redis[r.p].cnum != r.n -> res = DATALOST
#endif
	:: else ->
		if
		:: redis[r.p].jn == r.n && !redis[r.p].jrec && !(redis[r.p].jfirst == r.first && redis[r.p].jend == r.end && redis[r.p].jtime == r.time) -> res = FENCED
		:: else ->
			changes(r);
			redis[r.p].jn = r.n; redis[r.p].jfirst = r.first; redis[r.p].jend = r.end; redis[r.p].jtime = r.time;
			redis[r.p].jfacts = r.facts; redis[r.p].jrec = r.rec; redis[r.p].num = r.n;
#ifndef MUTANT_ATOMIC
			doMemory(r)
#endif
		fi
	fi
}

#ifdef CLAIMS
#define live(f) ((f) & 1)       /* by these facts a record claims its id */
inline doClaim(r) {
	res = OK;
	if
#ifndef MUTANT_GENERATION
	:: behind(r, redis[r.p].cera, redis[r.p].cgen) -> res = FENCED
#endif
	:: r.n < redis[r.p].cnum -> res = FENCED
	:: r.n > redis[r.p].cnum + 1 -> res = DATALOST
	:: else ->
		redis[r.p].cnum = r.n; redis[r.p].cera = r.era; redis[r.p].cgen = r.gen;
		if
		:: live(r.facts) && claim == 0 ->
			/* The takeover raised the fence in the journal's slot group alone. A zombie may claim what its successor will: the begin record stands. */
			must(abreast(r.join, fence[r.p]) || lost || (redis[r.p].jn == r.n && redis[r.p].jfacts == r.facts), zombie);
			claim = 1 + r.p; i = 1
		:: else
		fi
	fi
}
#endif

/* ---- ClickHouse: one block, under a lease and a token ---- */
#define token(r) (1 + 8 * r.first + r.end)

#ifdef MUTANT_TIME /* what is carried out takes its time from the clock */
#define timeOf(r) epoch
#else
#define timeOf(r) r.time
#endif

inline pin(r) {
	if
	:: truth[r.p].set[r.n] -> must(truth[r.p].first[r.n] == r.first && truth[r.p].end[r.n] == r.end && truth[r.p].time[r.n] == timeOf(r) && truth[r.p].rec[r.n] == r.rec, same)
	:: else ->
		must(r.rec != 0 && !(r.rec & SEEN), same);
		must((r.n == 1 && r.first == 0) || (r.n > 1 && truth[r.p].set[r.n - 1] && truth[r.p].end[r.n - 1] == r.first), bounds_follow);
		must(redis[r.p].mem[r.n] == r.rec || lost, memory_once);
		truth[r.p].set[r.n] = 1; truth[r.p].first[r.n] = r.first; truth[r.p].end[r.n] = r.end; truth[r.p].time[r.n] = timeOf(r); truth[r.p].rec[r.n] = r.rec;
#if HOLDS
		if
		:: (r.rec >> 2) & 3 -> must(((r.rec >> 2) & 3) > released[r.p], reward_once); released[r.p] = (r.rec >> 2) & 3
		:: else
		fi;
#endif
#ifdef STAGES
		if
		:: r.p == 1 -> must((rewarded & ((r.rec >> 4) & 3)) == 0, reward_once); rewarded = rewarded | ((r.rec >> 4) & 3)
		:: else
		fi;
#endif
#ifdef CLAIMS
		if
		:: live(r.rec) && !(r.rec & LOST_ID) -> must(!counted, id_once); counted = 1
		:: else
		fi
#endif
	fi
}

#if defined(MUTANT_NUMBER) && BATCHES > 1 /* a token without the batch's number: any batch of these bounds */
#define knows(r, k) (books[r.p].t[k].token[1] == token(r) || books[r.p].t[k].token[2] == token(r) || books[r.p].t[k].token[BATCHES] == token(r))
#else
#define knows(r, k) (books[r.p].t[k].token[r.n] == token(r))
#endif

inline doInsert(r, k) {
	if
#ifndef MUTANT_LEASE
	:: !(lease[r.join] && r.until == epoch) -> res = REFUSED
#endif
#ifndef MUTANT_TOKEN
	:: (lease[r.join] && r.until == epoch) && knows(r, k) -> res = OK
#endif
	:: else ->
		must(!books[r.p].t[k].rows[r.n], once);
		pin(r);
		books[r.p].t[k].rows[r.n] = 1; books[r.p].t[k].token[r.n] = token(r);
#ifndef MUTANT_VIEW
		/* its sums are a part of the part */
		books[r.p].view[r.n] = books[r.p].view[r.n] || k;
#endif
#ifdef STAGES
		inCredits = inCredits | ((k == 1 && r.p == 1) -> (r.rec >> 4) & 3 : 0);
#endif
		i = 1; res = OK
	fi
}

/* ---- Kafka: what is published ---- */
inline doPublish(r) {
	must(books[r.p].t[0].rows[r.n] && books[r.p].t[1].rows[r.n], told_after_books);
	pin(r);
	truth[r.p].told[r.n] = 1;
#ifdef STAGES
	if
	:: r.p == 0 && r.end > r.first -> credit[logEnd[1]] = r.n; logEnd[1]++ /* batches 1 and 2 are bits */
	:: else
	fi;
#endif
	res = OK
}

/* ---- a request that stays on its way ---- */
#if LATE
inline copy(k) {
	if
	:: lates > 0 && slot.kind == 0 && unkind(p) -> d_step {
		lates--; printf("%d/%d: a copy of its request %d for batch %d stays on its way\n", w, p, k, q.n);
		slot.kind = k; slot.p = p; slot.join = q.join; slot.era = q.era; slot.gen = q.gen;
		slot.n = q.n; slot.first = q.first; slot.end = q.end; slot.time = q.time; slot.facts = q.facts; slot.rec = q.rec; slot.until = q.until }
	:: true
	fi
}
#else
inline copy(k) { skip }
#endif

/* ---- a worker's work on one partition ---- */
/* Before each effect: a copy of its request may stay on its way, and the worker may die or fail. */
inline before(k) {
	copy(k);
	if
	:: true
	:: crashes > 0 && unkind(p) -> crashes--; printf("%d/%d: dies before request %d for batch %d\n", w, p, k, q.n); goto dies
	:: fails > 0 && unkind(p) -> fails--; printf("%d/%d: fails before request %d for batch %d\n", w, p, k, q.n); goto again
	fi
}
#define ANSWER    if :: res == FENCED -> goto fenced :: res == DATALOST -> goto alarm :: else fi

#ifdef STAGES
#define holder (p == 1 && redis[1].mem[1] != 0) /* a reward waits for its hold */
#else
#define holder (true)
#endif
#define dueBy(t) (t > HOLDS -> HOLDS : t)

inline rests() {
	q.n = 0; q.first = 0; q.end = 0; q.time = 0; q.facts = 0; q.rec = 0; q.until = 0;
	if
	:: q.join == join -> busy[p] = 0
	:: else
	fi
}

/* analytics/write.go: a block, until it stands. Of a batch that was bound long ago the
 * token may be forgotten: the table is asked first, under the lease of the insert. */
#ifdef MUTANT_ASK
#define old(t) (false)
#else
#define old(t) (t < epoch)
#endif
inline write(k, kind) {
	do
	:: atomic {
		d_step { q.facts = 0; q.until = epoch; ask = old(q.time) && books[p].t[k].rows[q.n] };
		if
		:: ask -> ask = 0; break
		:: else
		fi
	};
	atomic {
		before(kind);
		d_step {
#ifdef MUTANT_ASK_LEASE
			q.until = epoch;
#endif
			doInsert(q, k); printf("%d/%d: inserts %d into table %d: %d\n", w, p, q.n, k, res)
		};
		if
		:: res == REFUSED && q.join == join -> res = OK; i = 0   /* the lease was renewed meanwhile */
		:: res == REFUSED && q.join != join -> res = OK; i = 0; goto fenced
#ifdef MUTANT_VIEW
		:: k == 1 && i && fails > 0 -> i = 0; fails--; printf("%d/%d: the view fails, the rows stand\n", w, p)
		:: k == 1 && res == OK -> books[p].view[q.n] = books[p].view[q.n] || i; i = 0; break
		:: k == 0 && res == OK -> i = 0; break
#else
		:: res == OK -> i = 0; break
#endif
		fi
	}
	od
}

#ifdef MUTANT_REWIND
#define rewound false
#else /* checkRewind */
#define rewound (commit[p].set && (commit[p].off < committed || commit[p].num < last + commit[p].bound))
#endif

proctype Run(byte w; byte p) {
	Request q;
	byte i; byte res;
	byte last; byte end; byte time; /* of the last batch that is done */
	byte committed; bit bound;
	bit begun;                      /* the journal holds a begin record or more of the batch */
	byte jn; byte jfirst; byte jend; byte jtime; byte jrec;
	bit ask;

end_wait:
	atomic {
		owner[p] == w && !taken[p] && !stopped;
		taken[p] = 1; q.p = p; q.join = join; q.gen = gen; q.era = 255
	};

again:  /* loop/takeover.go: takeOver */
	atomic {
		if
		:: q.join != join && lease[q.join] -> goto gone    /* it gave the partition up, after its handler had returned */
		:: q.join == join -> busy[p] = 1
		:: else
		fi;
		q.n = 0; q.first = 0; q.end = 0; q.time = 0; q.facts = 0; q.rec = 0; q.until = 0; q.era = 255;
takeScript: /* takeover.lua: raises the fence and reads the journal */
		true;
		d_step {
			if
			:: q.era == 255 -> q.era = redis[p].era
			:: else
			fi;
			if
			:: behind(q, redis[p].era, redis[p].gen) -> res = FENCED; q.era = redis[p].era
			:: else ->
				res = OK;
				must(abreast(q.join, fence[p]) || lost || RESETS, zombie);
				redis[p].era = q.era; redis[p].gen = q.gen; 
				if
				:: q.join > fence[p] -> fence[p] = q.join
				:: else
				fi;
				jn = redis[p].jn; jfirst = redis[p].jfirst; jend = redis[p].jend; jtime = redis[p].jtime;
				q.facts = redis[p].jfacts; jrec = redis[p].jrec;
				printf("%d/%d: takes over in assignment %d, generation %d, era %d; the journal holds %d [%d, %d) %d\n", w, p, q.join, q.gen, q.era, jn, jfirst, jend, jrec)
			fi
		};
		if
		:: res == FENCED -> res = OK; goto confirm
		:: else
		fi
	};
	goto reconcile;

confirm: /* a higher generation stands: Kafka says whose is the present one */
	atomic {
		if
#ifdef MUTANT_CONFIRM
		:: true -> q.era++; goto takeScript
#else
		:: q.join == join -> q.era++; printf("%d/%d: the group counts anew\n", w, p); goto takeScript
#endif
		:: else -> goto fenced
		fi
	};

reconcile:
	atomic {
		d_step {
			/* the commit, read again behind the fence */
			committed = commit[p].off; bound = 0; begun = 0; ask = 0;
			q.facts = (jn == 0 -> 0 : q.facts);
			if
			:: !commit[p].set && jn == 0 -> /* fresh */
				last = 0; end = 0; time = 0; i = 1
#ifndef MUTANT_JOURNAL
			:: jn > 0 && (!commit[p].set || jn > commit[p].num) -> i = 2
#else
			:: jn > 0 && !commit[p].set -> i = 2
			:: jn > 0 && commit[p].set && jn > commit[p].num && commit[p].bound -> i = 3
			:: jn > 0 && commit[p].set && jn > commit[p].num && !commit[p].bound -> last = commit[p].num; end = commit[p].off; time = commit[p].time; i = 1
#endif
			:: jn > 0 && commit[p].set && jn == commit[p].num && commit[p].bound -> i = 2
			:: jn > 0 && commit[p].set && jn == commit[p].num && !commit[p].bound ->
				if
				:: jrec == 0 || commit[p].off < jend -> i = 4
				:: else -> last = jn; end = commit[p].off; time = jtime; i = 1
				fi
			:: commit[p].set && commit[p].bound && ((jn == 0 && commit[p].num == 1) || (jn > 0 && jrec > 0 && jn + 1 == commit[p].num)) -> i = 3
			:: else -> i = 4
			fi;
			if
			:: i == 2 -> q.n = jn; q.first = jfirst; q.end = jend; q.time = jtime; q.rec = jrec; begun = 1
			:: i == 3 ->
				q.n = commit[p].num; q.first = commit[p].off; q.end = commit[p].end; q.time = commit[p].time; q.rec = 0; q.facts = 0; ask = 1;
				/* rows of a batch by the clock lie at the offset where this one begins */
#ifdef MUTANT_CLOCK_ROWS
				jn = q.first
#else
				jn = ((jn > 0 && jfirst == jend && jend == q.first && q.first < q.end) -> q.first + 1 : q.first)
#endif
			:: else
			fi
		};
		if
		:: i == 1 -> i = 0; jn = 0; jfirst = 0; jend = 0; jtime = 0; jrec = 0; rests(); goto end_idle
		:: i == 4 -> i = 0; goto accuse
		:: else -> i = 0
		fi
	};
	if
	:: ask -> /* Books.Has: rows of a batch that the journal does not know */
		atomic {
			d_step {
				i = 1; res = OK;
				do
				:: i <= BATCHES ->
					if
					:: books[p].t[1].rows[i] && truth[p].first[i] < q.end && (truth[p].end[i] > jn || (truth[p].end[i] == truth[p].first[i] && truth[p].first[i] >= jn)) -> res = DATALOST
					:: (books[p].t[0].rows[i] || books[p].t[1].rows[i]) && i == q.n -> res = DATALOST
					:: else
					fi;
					i++
				:: else -> break
				od;
				i = 0; ask = 0;
#ifdef MUTANT_HAS
				res = OK;
#endif
			};
			jn = 0; jfirst = 0; jend = 0; jtime = 0; jrec = 0;
			if
			:: res == DATALOST -> res = OK; goto accuse
			:: else
			fi
		}
	:: else -> atomic { jn = 0; jfirst = 0; jend = 0; jtime = 0; jrec = 0 }
	fi;

process: /* loop/batch.go: process */
#ifndef MUTANT_BOUND
	atomic {
		before(COMMIT_BOUND);
		d_step { doCommit(q, 1); printf("%d/%d: bound %d [%d, %d): %d\n", w, p, q.n, q.first, q.end, res) };
		ANSWER
	};
#endif
	if
#ifdef MUTANT_RECORD
	:: begun && q.rec != 0 -> q.rec = 0; q.facts = 0; begun = 0; goto lookUp
#else
	:: begun && q.rec != 0 -> begun = 0; goto carry   /* filled: carried out, not decided again */
#endif
	:: begun && q.rec == 0 -> begun = 0; goto decide  /* begun: its facts stand */
	:: else
	fi;

lookUp:
	atomic {
		if
		:: true
		:: drift > 0 -> drift--; world = 1 - world; printf("facts: they drift\n")
		fi;
		d_step {
			q.facts = SET | (world -> 1 : 0);
			if
			:: redis[p].mem[q.n] != 0 -> q.facts = q.facts | SEEN
			:: else
			fi;
#if HOLDS
			/* what is due by the batch's time, which is in its bounds */
			i = dueBy(q.time);
			if
			:: holder && i > redis[p].released -> q.facts = q.facts | (i << 2)
			:: else
			fi;
			i = 0;
#endif
#ifdef STAGES
			if
			:: p == 1 ->
				i = q.first;
				do
				:: i < q.end ->
					if
#ifndef MUTANT_LEDGER
					:: redis[1].ledger & credit[i] /* taken before */
#endif
#ifndef MUTANT_CREDITS
					:: !(redis[1].ledger & credit[i]) && (inCredits & credit[i]) /* the table credits knows it */
#endif
					:: else -> q.facts = q.facts | (credit[i] << 4)
					fi;
					i++
				:: else -> break
				od;
				i = 0
			:: else
			fi;
#endif
			printf("%d/%d: looks up, and finds %d\n", w, p, q.facts)
		}
	};

#ifdef CLAIMS
#ifndef MUTANT_BEGIN
	atomic {
		before(BEGIN);
		d_step {
			doBegin(q); printf("%d/%d: begins %d with %d: %d\n", w, p, q.n, q.facts, res);
			if
			:: res == STANDS && !(redis[p].jfirst == q.first && redis[p].jend == q.end && redis[p].jtime == q.time) -> i = 1
			:: res == STANDS && (redis[p].jfirst == q.first && redis[p].jend == q.end && redis[p].jtime == q.time) ->
#ifndef MUTANT_FACTS
				q.facts = redis[p].jfacts;
#endif
				q.rec = redis[p].jrec
			:: else
			fi
		};
		if
		:: i -> i = 0; res = OK; goto again
		:: else
		fi;
		ANSWER;
		res = OK;
		if
		:: q.rec != 0 -> goto carry
		:: else
		fi
	};
#endif
#endif

decide:
#ifdef CLAIMS
	atomic {
		before(CLAIM);
		d_step {
			doClaim(q);
			q.rec = q.facts;
			if
#ifndef MUTANT_OWNER
			:: res == OK && live(q.facts) && claim != 1 + p -> q.rec = q.rec | LOST_ID
#else
			:: res == OK && live(q.facts) && !i -> q.rec = q.rec | LOST_ID
#endif
			:: else
			fi;
			i = 0;
			printf("%d/%d: claims for %d: %d, and decides %d\n", w, p, q.n, res, q.rec)
		};
		ANSWER
	};
#else
	q.rec = q.facts;
#endif

	atomic {
		before(FILL);
		d_step {
			doFill(q); printf("%d/%d: journals %d [%d, %d) %d: %d\n", w, p, q.n, q.first, q.end, q.rec, res);
			if
			:: res == STANDS && !(redis[p].jfirst == q.first && redis[p].jend == q.end && redis[p].jtime == q.time) -> i = 1
			:: res == STANDS && (redis[p].jfirst == q.first && redis[p].jend == q.end && redis[p].jtime == q.time) -> q.rec = redis[p].jrec
			:: else
			fi
		};
		if
		:: i -> i = 0; res = OK; goto again
		:: else
		fi;
		ANSWER;
		res = OK
	};
#ifdef MUTANT_ATOMIC
	atomic {
		before(MEMORY);
		d_step { doMemory(q) }
	};
#endif

carry:
#ifdef MUTANT_ACK
	atomic {
		before(COMMIT_ACK);
		d_step { doCommit(q, 0) };
		ANSWER
	};
#endif
#ifdef MUTANT_PUBLISH_FIRST
	atomic { before(PUBLISH); d_step { doPublish(q) } };
#endif
	write(0, INSERT_0);
	write(1, INSERT_1);

	/* publish */
#ifndef MUTANT_PUBLISH_LEASE
	atomic {
		if
		:: !lease[q.join] -> goto fenced
		:: else
		fi
	};
#endif
	atomic {
		before(PUBLISH);
		d_step {
			doPublish(q); printf("%d/%d: publishes what %d says\n", w, p, q.n);
			last = q.n; end = q.end; time = q.time; committed = q.first; bound = 1;
			rests()
		}
	};

end_idle: /* workAll */
	atomic {
		if
		:: q.join != join -> goto gone                      /* a heartbeat, or the group, says so */
		:: (q.join == join || !lease[q.join]) && end < logEnd[p] ->   /* the next batch, of one record or more */
			q.n = last + 1; q.first = end; q.time = (time > epoch -> time : epoch); q.end = end + 1;
			if
			:: true
			:: end + 1 < logEnd[p] -> q.end = end + 2
			fi
#if HOLDS
		:: (q.join == join || !lease[q.join]) && end == logEnd[p] && holder && dueBy(epoch) > redis[p].released -> /* one by the clock */
			q.n = last + 1; q.first = end; q.time = epoch; q.end = end
#endif
		:: committed < end || bound || rewound -> goto acknowledge
		fi;
		if
		:: q.join == join -> busy[p] = 1
		:: else
		fi;
		goto process
	};

acknowledge:
	atomic {
		q.n = last; q.end = end; q.time = time;
		before(COMMIT_ACK);
		d_step {
			doCommit(q, 0); printf("%d/%d: acknowledges %d at %d: %d\n", w, p, last, end, res);
			committed = end; bound = 0; rests()
		};
		ANSWER;
		goto end_idle
	};

fenced:
	atomic {
		res = 0;
		printf("%d/%d: is fenced\n", w, p);
		must(q.join != join || RESETS, false_alarm);
		goto dies
	};
accuse: /* who slept since it read the journal finds what others did: only the owner may say that data is lost */
	atomic {
#ifdef MUTANT_ACCUSE
		true
#else
		if
		:: q.join != join -> goto fenced
		:: else
		fi
#endif
	};
alarm:
	atomic {
		printf("%d/%d: stops: redis lost data\n", w, p);
		must(lost, false_alarm);
		stopped = 1;
		if
		:: q.join == join -> dead[p] = 1; busy[p] = 0
		:: else
		fi
	};
end_stopped:
	false;
dies:
	atomic {
		if
		:: q.join == join -> dead[p] = 1
		:: else
		fi;
		goto gone
	};
gone:
	atomic {
		if
		:: q.join == join -> busy[p] = 0
		:: else
		fi;
		q.join = 0; q.gen = 0; q.era = 0; q.n = 0; q.first = 0; q.end = 0; q.time = 0; q.facts = 0; q.rec = 0; q.until = 0;
		i = 0; res = 0; last = 0; end = 0; time = 0; committed = 0; bound = 0; begun = 0; ask = 0;
		jn = 0; jfirst = 0; jend = 0; jtime = 0; jrec = 0;
		goto end_wait
	}
}

/* ---- all that the workers do not do ---- */
#if PARTS == 2
#define anyDead (dead[0] || dead[1])
#define anyBusy (busy[0] || busy[1])
#else
#define anyDead dead[0]
#define anyBusy busy[0]
#endif

inline assign() {
	d_step {
		join++; lease[join] = 1;
		i = 0;
		do
		:: i < PARTS ->
			owner[i] = (dead[i] -> owner[i] : 1 - owner[i]); /* the other way round is this, the workers exchanged */
			taken[i] = 0; busy[i] = 0; dead[i] = 0; i++
		:: else -> break
		od;
		i = 0
	};
	printf("group: assignment %d, generation %d, partition 0 to worker %d\n", join, gen, owner[0])
}

#if LOSSES
inline snapshot(to, from) {
	to.num = from.num; to.era = from.era; to.gen = from.gen; to.jn = from.jn; to.jfirst = from.jfirst; to.jend = from.jend;
	to.jtime = from.jtime; to.jfacts = from.jfacts; to.jrec = from.jrec; to.released = from.released;
	i = 0;
	do
	:: i <= BATCHES -> to.mem[i] = from.mem[i]; i++
	:: else -> break
	od;
	i = 0
}
#endif

proctype World() {
	byte i; byte res;
end_world:
	do
	:: atomic { /* a session ended, or a member came that found nobody; zombies are left behind */
		(anyDead || spare > 0) && join < JOINS ->
		if
		:: anyDead
		:: else -> spare--
		fi;
		lease[join] = 0; gen++;
		if
		:: true
#if RESETS
		:: resets > 0 -> resets--; gen = 1; printf("group: it begins anew\n");
			if
			:: true
			:: commit[0].set = 0; commit[0].off = 0; commit[0].num = 0; commit[0].bound = 0; commit[0].end = 0; commit[0].time = 0; printf("group: its commits are gone\n")
			fi
#endif
		fi;
		assign()
	}
	:: atomic { /* partitions are given up, after all handlers have returned */
		spare > 0 && !anyDead && !anyBusy && join < JOINS -> spare--; gen++; printf("group: partitions are given up\n"); assign()
	}
#if TICKS
	:: atomic {
		ticks > 0 -> ticks--; epoch++;
		d_step {
			i = 1; /* leases of assignments before have ended */
			do
			:: i < join -> lease[i] = 0; i++
			:: else -> break
			od;
			i = 0
		};
		printf("time: tick %d\n", epoch);
		if
		:: true
		:: d_step { /* the windows overflow: tokens are forgotten */
			printf("clickhouse: forgets its tokens\n");
			i = 1;
			do
			:: i <= BATCHES -> books[0].t[0].token[i] = 0; books[0].t[1].token[i] = 0;
#if PARTS == 2
				books[1].t[0].token[i] = 0; books[1].t[1].token[i] = 0;
#endif
				i++
			:: else -> break
			od;
			i = 0 }
		fi
	}
#endif
#if ARRIVALS
	:: d_step { logEnd[0] < LOGMAX -> logEnd[0]++; printf("time: a record comes\n") }
#endif
#if FORGETS
	:: d_step { forgets > 0 && (redis[1].ledger & inCredits) -> forgets--; redis[1].ledger = redis[1].ledger & (3 ^ inCredits); printf("ledger: it forgets\n") }
#endif
#if LOSSES
	:: d_step { snaps > 0 -> snaps--; losses++; snapshot(older[0], redis[0]); printf("redis: saved, with %d of %d\n", redis[0].jrec, redis[0].jn) }
	:: d_step { losses > 0 -> losses--; snapshot(redis[0], older[0]); lost = 1; printf("redis: is as it was saved\n") }
#endif
#if LATE
	:: d_step {
		slot.kind != 0 ->
		if
		:: slot.kind == COMMIT_BOUND -> doCommit(slot, 1)
		:: slot.kind == COMMIT_ACK -> doCommit(slot, 0)
		:: slot.kind == BEGIN -> doBegin(slot)
		:: slot.kind == FILL -> doFill(slot)
#ifdef CLAIMS
		:: slot.kind == CLAIM -> doClaim(slot)
#endif
		:: slot.kind == INSERT_0 -> doInsert(slot, 0)
		:: slot.kind == INSERT_1 -> doInsert(slot, 1)
		:: slot.kind == PUBLISH -> doPublish(slot)
		:: else -> res = OK
		fi;
		printf("late: request %d of assignment %d for batch %d arrives: %d\n", slot.kind, slot.join, slot.n, res);
		slot.kind = 0; slot.p = 0; slot.join = 0; slot.era = 0; slot.gen = 0; slot.n = 0; slot.first = 0; slot.end = 0;
		slot.time = 0; slot.facts = 0; slot.rec = 0; slot.until = 0;
		i = 0; res = 0
	}
#endif
	od
}

/* When nothing can happen any more, all is done, once. */
proctype Judge() {
	byte p; byte n; byte ids;
end_judge:
	timeout;
	d_step {
		p = 0;
		do
		:: p < PARTS && !stopped ->
			must(commit[p].set && !commit[p].bound && commit[p].off == logEnd[p], finished);
			n = 1;
			do
			:: n <= commit[p].num ->
				must(truth[p].set[n] && books[p].t[0].rows[n] && books[p].t[1].rows[n] && truth[p].told[n], finished);
				must(redis[p].mem[n] == truth[p].rec[n] || lost, memory_once);
				must(books[p].view[n], view_exact);
				n++
			:: else -> break
			od;
			must(truth[p].end[commit[p].num] == logEnd[p], finished);
			must(commit[p].num == BATCHES || !truth[p].set[commit[p].num + 1], finished);
#if HOLDS
			must(!holder || released[p] == dueBy(epoch), reward_once);
#endif
#ifdef CLAIMS
			n = 1;
			do
			:: n <= commit[p].num -> must(!live(truth[p].rec[n]) || counted, id_once); n++
			:: else -> break
			od;
#endif
			p++
		:: else -> break
		od;
#ifdef STAGES
		n = 1;
		do
		:: n <= commit[0].num && !stopped -> ids = ids | n; n++
		:: else -> break
		od;
		must(rewarded == ids, reward_once)
#endif
	}
}

init {
	d_step {
		lease[1] = 1; logEnd[0] = RECORDS;
#ifdef CLAIMS
		logEnd[1] = RECORDS;
#endif
	};
	if
	:: DRIFT || PARTS == 2 -> if :: world = 0 :: world = 1 fi
	:: else
	fi;
	atomic {
		run Run(0, 0); run Run(1, 0);
#if PARTS == 2
		run Run(0, 1); run Run(1, 1);
#endif
		run World(); run Judge()
	}
}
