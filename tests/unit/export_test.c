/* export_test.c: the log for a spreadsheet or a script, and the whole copy. */
#include "office.h"

#include "../../milter/ctl/csv.h"

/* ------------------------------------------------------------------- cells */

/* One cell of text, without the byte order mark and the line's end. */
static const char *
cell(struct arena *arena, const char *text)
{
	char *line = NULL;
	size_t length;
	FILE *out = open_memstream(&line, &length);
	struct csv csv = {.out = out};
	csv_text(&csv, text);
	fclose(out);
	const char *copy = arena_strdup(arena, line);
	free(line);
	return copy;
}

static void
cells_are_quoted_as_rfc_4180_says(void **state)
{
	assert_string_equal(cell(*state, ""), "\"\"");
	assert_string_equal(cell(*state, "a,b"), "\"a,b\"");
	assert_string_equal(cell(*state, "say \"hi\""), "\"say \"\"hi\"\"\"");
	assert_string_equal(cell(*state, "Giấy mời"), "\"Giấy mời\"");
}

static void
cells_that_begin_like_formulas_are_made_harmless(void **state)
{
	assert_string_equal(cell(*state, "=1+1"), "\"'=1+1\"");
	assert_string_equal(cell(*state, "+84 24"), "\"'+84 24\"");
	assert_string_equal(cell(*state, "-1"), "\"'-1\"");
	assert_string_equal(cell(*state, "@SUM(A1)"), "\"'@SUM(A1)\"");
	assert_string_equal(cell(*state, "a@b =1"), "\"a@b =1\"");
}

static void
a_cell_that_semicolons_would_part_is_made_harmless(void **state)
{
	assert_string_equal(cell(*state, "x;=cmd"), "\"x;'=cmd\"");
	assert_string_equal(cell(*state, "x; \"=cmd"), "\"x;' \"\"=cmd\"");
	assert_string_equal(cell(*state, "x;y"), "\"x;y\"");
}

static void
what_would_act_is_made_visible(void **state)
{
	assert_string_equal(cell(*state, "\t=1"), "\"\\u{9}=1\"");
	assert_string_equal(cell(*state, "a\r\nb"), "\"a\\u{D}\\u{A}b\"");
	assert_string_equal(cell(*state, "\xff"), "\"\\xFF\"");
}

static void
a_file_begins_with_a_mark_and_its_lines_end_in_crlf(void **state)
{
	(void)state;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	struct csv csv;
	csv_begin(&csv, out);
	csv_text(&csv, "a");
	csv_number(&csv, -5);
	csv_time(&csv, INT64_C(1772435109123));
	csv_time(&csv, 0);
	csv_end(&csv);
	csv_number(&csv, 1);
	csv_end(&csv);
	fclose(out);
	assert_string_equal(
	    text, "\xef\xbb\xbf\"a\",-5,2026-03-02 14:05:09,\r\n1\r\n");
	free(text);
}

/* ---------------------------------------------------------------- the log */

static int
count(const char *text, const char *part)
{
	int n = 0;
	for (; (text = strstr(text, part)) != NULL; text += strlen(part))
		n++;
	return n;
}

static void
csv_has_a_row_for_each_bulk_send_the_oldest_first(void **state)
{
	struct office o;
	office_init(&o, *state);
	office_sends(&o, "old@example.gov.vn", 20, 3600);
	office_sends(&o, "new@example.gov.vn", 25, 60);
	CALL("close", "1", "--outcome", "reported", "--reference", "=1", "--by",
	    "hoa", "-c", o.conf);
	struct call c = CALL("export", "--format", "csv", "-c", o.conf);
	assert_int_equal(c.code, 0);
	assert_int_equal(
	    strncmp(c.out, "\xef\xbb\xbf\"id\",\"status\",\"outcome\",", 27),
	    0);
	assert_int_equal(count(c.out, "\r\n"), 3);
	assert_int_equal(count(c.out, "\n"), 3);
	const char *old = strstr(c.out, "\r\n1,\"closed\",\"reported\",\"old@");
	const char *new = strstr(c.out, "\r\n2,\"new\",\"\",\"new@");
	assert_true(old != NULL && new != NULL &&old < new);
	says(c, 0, ",\"Giấy mời\",\"192.0.2.7\",\"\",\"hoa\",\"'=1\",0,0\r\n");
	says(c, 0, ",\"refused_messages\",\"refused_recipients\"\r\n");
	office_deinit(&o);
}

static void
json_has_the_evidence(void **state)
{
	struct office o;
	office_init(&o, *state);
	says(CALL("export", "--format", "json", "-c", o.conf), 0, "[]\n");
	office_sends(&o, "old@example.gov.vn", 20, 3600);
	office_sends(&o, "new@example.gov.vn", 25, 60);
	struct call c = CALL("export", "--format", "json", "-c", o.conf);
	assert_int_equal(c.code, 0);
	assert_int_equal(strncmp(c.out, "[\n{\n  \"id\": 1,", 14), 0);
	says(c, 0, "\n},\n{\n  \"id\": 2,");
	assert_int_equal(count(c.out, "\"r0019@example.gov.vn\""), 2);
	assert_int_equal(count(c.out, "\"r0024@example.gov.vn\""), 1);
	assert_string_equal(c.out + strlen(c.out) - 5, "\n}\n]\n");
	assert_string_equal(CALL("--json", "export", "-c", o.conf).out, c.out);
	office_deinit(&o);
}

static void
since_and_until_go_by_the_beginning(void **state)
{
	struct office o;
	office_init(&o, *state);
	office_sends(&o, "old@example.gov.vn", 20, 5 * 3600);
	office_sends(&o, "new@example.gov.vn", 20, 60);
	struct call c =
	    CALL("export", "--format", "csv", "--since", "1h", "-c", o.conf);
	assert_null(strstr(c.out, "old@"));
	says(c, 0, "new@");
	c = CALL("export", "--format", "csv", "--until", "1h", "-c", o.conf);
	assert_null(strstr(c.out, "new@"));
	says(c, 0, "old@");
	is_misuse(CALL("export", "--format", "csv", "--since", "1h", "--until",
		      "2h", "-c", o.conf),
	    "--until is not after --since\n");
	office_deinit(&o);
}

static void
a_wrong_form_is_wrong_usage(void **state)
{
	is_misuse(CALL("export"), "export wants --format csv or ");
	is_misuse(CALL("export", "--format", "xml"),
	    "--format wants csv or json, not \"xml\"\n");
	is_misuse(CALL("export", "--format", "csv", "--json"),
	    "--json and --format csv contradict each other\n");
	is_misuse(CALL("export", "--format", "csv", "--since", "ever"),
	    "--since: \"ever\" is no moment");
	is_misuse(CALL("export", "--format", "csv", "--format", "pdf"),
	    "--format wants csv or json, not \"pdf\"\n");
}

/* ----------------------------------------------------------------- backup */

static void
a_backup_is_a_whole_database(void **state)
{
	struct office o;
	office_init(&o, *state);
	office_sends(&o, "lan@example.gov.vn", 20, 60);
	char *copy = arena_printf(*state, "%s/it's a copy.db", o.folder);
	struct call c = CALL("backup", copy, "-c", o.conf);
	says(c, 0, "The database is copied to ");
	says(c, 0,
	    arena_printf(*state,
		"\nTo restore it, as root:\n"
		"  systemctl stop bulkwatchd\n"
		"  rm -f %s-wal %s-shm\n"
		"  install -o bulkwatch -g bulkwatch -m 660 "
		"'%s/it'\\''s a copy.db' %s\n"
		"  systemctl start bulkwatchd\n",
		o.database, o.database, o.folder, o.database));
	o.database = copy;
	write_settings(&o);
	says(CALL("list", "-c", o.conf), 0, "lan@example.gov.vn");
	office_deinit(&o);
}

static void
a_backup_overwrites_nothing(void **state)
{
	struct office o;
	office_init(&o, *state);
	char *there = arena_printf(*state, "%s/there", o.folder);
	write_file(there, "mine");
	struct call c = CALL("backup", there, "-c", o.conf);
	assert_int_equal(c.code, CTL_FAILED);
	assert_string_equal(c.out, "");
	assert_non_null(strstr(c.err, "is there already and is not over"));
	struct stat info;
	assert_int_equal(stat(there, &info), 0);
	assert_int_equal(info.st_size, 4);
	is_misuse(CALL("backup", "-c", o.conf), "backup wants one FILE\n");
	is_misuse(CALL("backup", "", "-c", o.conf), "FILE is empty\n");
	c = CALL("backup", "/nonexistent/x", "-c", o.conf);
	assert_int_equal(c.code, CTL_FAILED);
	assert_non_null(strstr(c.err, "/nonexistent/x"));
	says(CALL("backup", "--json",
		 arena_printf(*state, "%s/other", o.folder), "-c", o.conf),
	    0, "/other\",\n  \"bytes\": ");
	office_deinit(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cells_are_quoted_as_rfc_4180_says),
	    cmocka_unit_test(cells_that_begin_like_formulas_are_made_harmless),
	    cmocka_unit_test(
		a_cell_that_semicolons_would_part_is_made_harmless),
	    cmocka_unit_test(what_would_act_is_made_visible),
	    cmocka_unit_test(
		a_file_begins_with_a_mark_and_its_lines_end_in_crlf),
	    cmocka_unit_test(csv_has_a_row_for_each_bulk_send_the_oldest_first),
	    cmocka_unit_test(json_has_the_evidence),
	    cmocka_unit_test(since_and_until_go_by_the_beginning),
	    cmocka_unit_test(a_wrong_form_is_wrong_usage),
	    cmocka_unit_test(a_backup_is_a_whole_database),
	    cmocka_unit_test(a_backup_overwrites_nothing),
	};
	return cmocka_run_group_tests(tests, office_setup, office_teardown);
}
