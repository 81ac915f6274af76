package access_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/analytics/access"
)

// foreign are the words in the rows of all programs but those that somebody may see.
func foreign(own ...string) []string {
	return slices.DeleteFunc([]string{"us-store", "eu-store", "partners", "employees", "globex"}, func(word string) bool { return slices.Contains(own, word) })
}

// refused are queries that nobody may make.
var refused = []string{
	// other tables
	"SELECT * FROM configurations", "SELECT * FROM changelog", "SELECT * FROM batches", "SELECT * FROM archive",
	"SELECT * FROM agreed", "SELECT * FROM installation", "SELECT * FROM schema_version", "SELECT count() FROM merge('referral', '^agreed$')",
	"SELECT * FROM dictionary('x')", "SELECT * FROM loop('referral', 'clicks')", "SELECT * FROM executable('x', 'TSV', 'a Int8')",
	// files, other servers, other programs
	"SELECT * FROM file('/etc/passwd')", "SELECT * FROM file('/etc/passwd', 'LineAsString')", "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
	"SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'LineAsString')", "SELECT * FROM remote('127.0.0.1:1', 'referral.clicks')",
	"SELECT * FROM remoteSecure('127.0.0.1:1', 'referral.clicks')", "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
	"SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')", "SELECT * FROM sqlite('/tmp/a', 'b')", "SELECT * FROM filesystem('/')",
	"INSERT INTO FUNCTION file('/tmp/x', 'TSV', 'a Int8') SELECT 1",
	"INSERT INTO FUNCTION url('http://127.0.0.1:1/', 'TSV', 'a String') SELECT click_id FROM clicks",
	// changes
	"INSERT INTO clicks (org_id) SELECT 'acme'", "INSERT INTO clicks (org_id, program_id) VALUES ('acme', 'us-store')", "DELETE FROM clicks WHERE 1",
	"ALTER TABLE clicks DELETE WHERE 1", "ALTER TABLE clicks UPDATE org_id = 'a' WHERE 1", "ALTER TABLE clicks ADD COLUMN x Int8", "TRUNCATE TABLE clicks",
	"DROP TABLE clicks", "DROP VIEW program_daily", "DROP DATABASE referral", "RENAME TABLE clicks TO other", "OPTIMIZE TABLE clicks FINAL",
	"CREATE TABLE mine (x Int8) ENGINE = Memory", "CREATE TEMPORARY TABLE mine (x Int8)", "CREATE VIEW mine AS SELECT 1", "CREATE DATABASE mine",
	"CREATE OR REPLACE VIEW program_daily AS SELECT 1", "CREATE MATERIALIZED VIEW mine ENGINE = Memory AS SELECT * FROM clicks",
	"CREATE FUNCTION mine AS x -> x", "CREATE NAMED COLLECTION mine AS a = 'b'", "BACKUP TABLE clicks TO Disk('a', 'b')", "DETACH TABLE clicks",
	// rights
	"CREATE USER mine", "ALTER USER acme__emma IDENTIFIED BY 'x'", "ALTER USER acme__ana SETTINGS readonly = 0", "DROP USER acme__emma",
	"CREATE ROW POLICY mine ON referral.clicks USING 1 TO ALL", "DROP ROW POLICY acme__ana ON referral.clicks", "CREATE ROLE mine", "CREATE SETTINGS PROFILE mine",
	"GRANT SELECT ON referral.* TO acme__ana", "GRANT ALL ON *.* TO acme__ana", "GRANT grapevine_referral_owner TO acme__ana", "SET ROLE nobody",
	"SHOW CREATE USER acme__emma", "SHOW GRANTS FOR default", "SHOW USERS", "SHOW ACCESS", "SHOW POLICIES", "SHOW PROFILES", "SHOW PROCESSLIST",
	"EXECUTE AS acme__olaf SELECT 1",
	// the server
	"SYSTEM FLUSH LOGS", "SYSTEM SHUTDOWN", "SYSTEM STOP MERGES referral.clicks", "KILL QUERY WHERE 1", "SELECT * FROM system.zookeeper WHERE path = '/'",
}

// hidden are queries that may be made, and show nothing at all, or zero.
var hidden = []string{
	"SELECT count() FROM mergeTreeIndex('referral', 'clicks')", "SELECT * FROM mergeTreeIndex('referral', 'clicks')",
	"SELECT * FROM mergeTreeIndex('referral', 'clicks', with_marks = true)", "SELECT * FROM mergeTreeIndex('referral', 'credits', with_minmax = true)",
	"SELECT org_id, program_id FROM mergeTreeProjection('referral', 'clicks', 'by_hour')", "SELECT count() FROM mergeTreeProjection('referral', 'clicks', 'by_visitor')",
	"SELECT uniqExact(org_id) FROM mergeTreeProjection('referral', 'clicks', 'by_referrer')",
	"SELECT * FROM (SELECT org_id FROM mergeTreeProjection('referral', 'clicks', 'by_hour') UNION ALL SELECT org_id FROM mergeTreeProjection('referral', 'clicks', 'by_hour'))",
	"SELECT org_id FROM mergeTreeProjection('referral', 'clicks', 'by_hour') SETTINGS enable_analyzer = 0",
	"SELECT * FROM mergeTreeIndex('referral', 'clicks') SETTINGS enable_analyzer = 0",
	"SELECT 1 WHERE 1 IN (SELECT 1 FROM mergeTreeProjection('referral', 'clicks', 'by_hour'))",
	"WITH x AS (SELECT org_id FROM mergeTreeProjection('referral', 'clicks', 'by_hour')) SELECT * FROM x",
	"SELECT * FROM view(SELECT org_id FROM mergeTreeProjection('referral', 'clicks', 'by_hour'))",
	"SELECT * FROM mergeTreeAnalyzeIndexes('referral', 'clicks')", "SELECT * FROM mergeTreeAnalyzeIndexes('referral', 'clicks', org_id = 'g')",
	"SELECT name, total_rows, total_bytes FROM system.tables WHERE database = 'referral' AND total_rows IS NOT NULL",
	"SELECT name, total_rows FROM system.tables WHERE database = 'referral' AND name = 'clicks'",
	"SELECT name, data_compressed_bytes FROM system.columns WHERE database = 'referral' AND (data_compressed_bytes > 0 OR table = 'clicks')",
	"SELECT * FROM viewIfPermitted(SELECT value FROM agreed ELSE null('value String'))",
	"SELECT program_id FROM clicks WHERE program_id NOT IN ('us-store', 'eu-store', 'partners')",
}

// telling are queries that may be made, and must show what is one's own alone.
var telling = []string{
	"SELECT * FROM clicks", "SELECT * FROM conversions", "SELECT DISTINCT program_id FROM clicks", "SELECT min(program_id), max(program_id), min(org_id), max(org_id) FROM clicks",
	"SELECT * FROM clicks SETTINGS enable_analyzer = 0", "SELECT * FROM program_daily SETTINGS enable_analyzer = 0",
	"SELECT * FROM clicks SETTINGS optimize_use_projections = 0", "SELECT program_id, count() FROM clicks GROUP BY ALL SETTINGS optimize_use_projections = 0",
	"SELECT org_id, program_id, referrer_id, count() FROM clicks GROUP BY ALL", "SELECT org_id, program_id, verdict, count() FROM clicks GROUP BY ALL WITH TOTALS",
	"SELECT org_id, program_id FROM clicks GROUP BY GROUPING SETS ((org_id), (program_id))", "SELECT groupArray(source), groupUniqArray(program_id) FROM clicks",
	"SELECT a.*, b.* FROM clicks AS a CROSS JOIN conversions AS b LIMIT 900", "SELECT a.source, b.source FROM clicks AS a FULL JOIN rewards AS b ON a.org_id = b.org_id LIMIT 900",
	"SELECT * FROM program_daily AS a LEFT JOIN referrer_totals AS b USING (org_id)", "SELECT * FROM (SELECT * FROM clicks UNION ALL SELECT * FROM clicks)",
	"SELECT * FROM merge('referral', '^(clicks|conversions)$')", "SELECT org_id, program_id FROM merge('referral', '^(clicks|credits|program_daily|rewards)$')",
	"SELECT _table, org_id, program_id FROM merge(REGEXP('.*'), '^(clicks|rewards)$')", "SELECT _table, count() FROM merge('referral', '.*') GROUP BY ALL",
	"SELECT * FROM view(SELECT * FROM clicks)", "SELECT * FROM viewIfPermitted(SELECT * FROM clicks ELSE null('x String'))",
	"SELECT DISTINCT program_id FROM (SELECT * FROM clicks ORDER BY program_id DESC LIMIT 100 WITH TIES)", "SELECT * FROM clicks LIMIT 1 BY program_id",
	"SELECT DISTINCT _part, _partition_id, _table FROM clicks", "SELECT lagInFrame(program_id) OVER (ORDER BY program_id), program_id FROM clicks",
	"SELECT program_id FROM clicks PREWHERE 1 WHERE 1", "SELECT program_id FROM clicks WHERE 1 OR 1", "SELECT program_id FROM clicks WHERE identity(1)",
	"SELECT throwIf(program_id NOT IN ('us-store', 'eu-store', 'partners', ''), program_id) FROM clicks", "SELECT count() FROM clicks WHERE throwIf(org_id != 'acme')",
	"SELECT count() FROM clicks PREWHERE throwIf(org_id != 'acme')", "SELECT toUInt64(program_id) FROM clicks", "SELECT count() FROM clicks WHERE toUInt64(org_id) > 1",
	"SELECT count() FROM clicks WHERE toDate(program_id) > '2020-01-01'", "SELECT count() FROM clicks WHERE toUInt64(substring(program_id, 1)) = 1",
	"SELECT min(ingested), max(ingested), count() FROM clicks", "SELECT * FROM clicks WHERE org_id >= 'b'", "SELECT * FROM clicks ORDER BY org_id DESC, program_id DESC",
	"SELECT (SELECT groupArray(program_id) FROM clicks)", "SELECT program_id IN (SELECT program_id FROM conversions), program_id FROM clicks",
	"WITH RECURSIVE r AS (SELECT program_id, 1 AS n FROM clicks UNION ALL SELECT program_id, n + 1 FROM r WHERE n < 2) SELECT * FROM r",
	"EXPLAIN SELECT * FROM clicks", "EXPLAIN indexes = 1 SELECT * FROM clicks WHERE org_id > 'b'", "EXPLAIN ESTIMATE SELECT * FROM clicks", "EXPLAIN PIPELINE SELECT * FROM clicks",
	"EXPLAIN SYNTAX SELECT * FROM program_daily", "EXPLAIN QUERY TREE SELECT * FROM program_daily", "SHOW TABLES", "SHOW DATABASES", "SHOW GRANTS", "SHOW CREATE TABLE clicks", "DESCRIBE clicks",
	"SHOW COLUMNS FROM clicks", "SHOW INDEXES FROM clicks", "SELECT * FROM system.databases", "SELECT * FROM system.tables", "SELECT * FROM system.columns",
	"SELECT * FROM clicks SETTINGS additional_table_filters = {'clicks': '1'}", "SELECT * FROM clicks SETTINGS additional_result_filter = '1'",
	"SELECT * FROM clicks FINAL", "SELECT * FROM clicks SETTINGS force_optimize_projection = 1", "SELECT anyLast(program_id), argMax(source, program_id) FROM clicks",
	"SELECT * FROM credits WHERE NOT ignore(program_id)", "SELECT uniqExact(org_id), uniqExact(program_id) FROM rewards", "SELECT topK(10)(program_id) FROM clicks",
	"SELECT * FROM fuzzQuery('SELECT 1') LIMIT 1", "SELECT * FROM clusterAllReplicas('default', referral.clicks)", "SELECT * FROM cluster('default', referral, clicks)",
	"SELECT currentUser(), currentRoles(), enabledRoles(), currentProfiles()", "SELECT lowCardinalityKeys(org_id) FROM credits", "SELECT joinGet('clicks', 'source', 'x')",
	"SELECT dictGet('clicks', 'source', 1)", "SELECT * FROM members", "SELECT * FROM segment_events", "SELECT * FROM budgets", "SELECT * FROM members WHERE 1",
}

func (w *world) tricks(t *testing.T) {
	for login, own := range map[string][]string{"acme__ana": {"us-store"}, "acme__emma": {"eu-store", "partners"}, "acme__olaf": {"us-store", "eu-store", "partners"}} {
		for way, ask := range w.askers(t, login) {
			if login == "acme__olaf" && way == "native" {
				continue // his programs are tried over HTTP: it takes a while
			}
			at := func(query string) string { return login + " over " + way + ": " + query }
			for _, query := range refused {
				if got := ask(t.Context(), query); !isRefused(got) {
					t.Errorf("%s: %.300s", at(query), got)
				}
			}
			for _, query := range hidden {
				if got := strings.TrimSpace(ask(t.Context(), query)); got != "" && got != "0" {
					t.Errorf("%s: %.300s", at(query), got)
				}
			}
			for _, query := range telling {
				got := ask(t.Context(), query)
				for _, word := range foreign(own...) {
					if i := strings.Index(strings.ReplaceAll(got, query, ""), word); i >= 0 {
						t.Errorf("%s tells of %s: %.300s", at(query), word, got[max(0, i-100):])
					}
				}
			}
		}
	}
}

// isRefused says whether an answer is an error about rights.
func isRefused(answer string) bool {
	for _, sign := range []string{
		"Not enough privileges", "ACCESS_DENIED", "Cannot execute query in readonly mode", "READONLY", "is not allowed to", "should be granted to set", "There is no role", "There are no tables satisfied",
		"IMPERSONATE feature is disabled", "DDL queries are prohibited", "Unknown table expression identifier 'system.",
	} {
		if strings.Contains(answer, sign) {
			return true
		}
	}
	return false
}

// What ClickHouse tells of itself is either refused or known to be harmless.
func (w *world) systemTables(t *testing.T) {
	rows := rowsAsText(t.Context(), w.admin, "SELECT database || '.' || name FROM system.tables WHERE database IN ('system', 'information_schema', 'INFORMATION_SCHEMA')")
	ask := w.askers(t, "acme__ana")["native"]
	for name := range strings.Lines(rows) {
		name = strings.TrimSpace(name)
		got := ask(t.Context(), "SELECT * FROM "+name+" LIMIT 1000")
		if isRefused(got) {
			continue
		}
		if !access.Harmless(name) {
			t.Errorf("%s can be read: %.200s", name, got)
		}
		for _, word := range []string{"eu-store", "globex"} {
			if strings.Contains(got, word) {
				t.Errorf("%s tells of %s", name, word)
			}
		}
	}
}

// The table functions that need no grant are those that the users file knows.
func (w *world) tableFunctions(t *testing.T) {
	got := strings.Fields(rowsAsText(t.Context(), w.admin, "SELECT name FROM system.table_functions WHERE allow_readonly ORDER BY name"))
	if want := access.EmbeddedFunctions(); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func (w *world) limits(t *testing.T) {
	for way, ask := range w.askers(t, "acme__ana") {
		for query, want := range map[string]string{
			"SELECT * FROM numbers(2000)":                                                                                    "TOO_MANY_ROWS_OR_BYTES|code: 396",
			"SELECT length(groupArray(number)) FROM numbers(200000000)":                                                      "memory limit|MEMORY_LIMIT",
			"SELECT count() FROM numbers(1000) SETTINGS max_execution_time = 0":                                              "SETTING_CONSTRAINT_VIOLATION|shouldn't be less",
			"SELECT count() FROM numbers(1000) SETTINGS max_execution_time = 11":                                             "SETTING_CONSTRAINT_VIOLATION|shouldn't be greater",
			"SELECT 1 SETTINGS max_memory_usage = 0":                                                                         "SETTING_CONSTRAINT_VIOLATION|shouldn't be less",
			"SELECT 1 SETTINGS max_memory_usage = 100000000000":                                                              "SETTING_CONSTRAINT_VIOLATION|shouldn't be greater",
			"SELECT 1 SETTINGS max_memory_usage_for_user = 0":                                                                "SETTING_CONSTRAINT_VIOLATION|should not be changed",
			"SELECT 1 SETTINGS max_result_rows = 0":                                                                          "SETTING_CONSTRAINT_VIOLATION|shouldn't be less",
			"SELECT 1 SETTINGS result_overflow_mode = 'break'":                                                               "SETTING_CONSTRAINT_VIOLATION|should not be changed",
			"SELECT 1 SETTINGS max_threads = 1000":                                                                           "SETTING_CONSTRAINT_VIOLATION|shouldn't be greater",
			"SELECT 1 SETTINGS readonly = 0":                                                                                 "READONLY|Cannot modify",
			"SELECT 1 SETTINGS allow_ddl = 1":                                                                                "SETTING_CONSTRAINT_VIOLATION|should not be changed|DDL queries are prohibited",
			"SELECT 1 SETTINGS log_queries = 0":                                                                              "SETTING_CONSTRAINT_VIOLATION|should not be changed",
			"SELECT 1 SETTINGS profile = 'default', max_memory_usage = 0":                                                    "SETTING_CONSTRAINT_VIOLATION|shouldn't be less",
			"SELECT 1 SETTINGS profile = 'default', max_execution_time = 100":                                                "SETTING_CONSTRAINT_VIOLATION|shouldn't be greater",
			"SELECT * FROM numbers(2000) SETTINGS profile = 'default'":                                                       "TOO_MANY_ROWS_OR_BYTES|code: 396",
			"SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number)) SETTINGS max_execution_time = 1": "TIMEOUT_EXCEEDED|code: 159",
		} {
			got := ask(t.Context(), query) // without a deadline, which the driver would ask for as max_execution_time
			if !slices.ContainsFunc(strings.Split(want, "|"), func(sign string) bool { return strings.Contains(got, sign) }) {
				t.Errorf("%s: %s: %.300s, want %s", way, query, got, want)
			}
		}
		if got := ask(t.Context(), "SELECT 1 SETTINGS max_memory_usage = 100000000, max_execution_time = 5, join_use_nulls = 1"); got != "1\n" {
			t.Errorf("%s: less than the limits is refused: %s", way, got)
		}
	}
}

func (w *world) passwords(t *testing.T) {
	for login, password := range map[string]string{"acme__ana": "", "acme__emma": password("acme__ana"), "ana": password("acme__ana"), "acme__nobody": ""} {
		if got := rowsAsText(t.Context(), w.login(t, login, password), "SELECT 1"); !strings.Contains(got, "Authentication failed") {
			t.Errorf("%s with %q: %s", login, password, got)
		}
	}
}
