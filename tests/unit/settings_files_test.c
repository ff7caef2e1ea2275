/*
 * settings_files_test.c: the files behind the settings: what they hold, who may
 * read them, what they include, the templates beside them.
 */
#include "settings_fixture.h"

#include <unistd.h>

#include "bulkwatch/template.h"

/* -------------------------------------------------------------- secrets */

static void
a_password_in_a_file_that_anybody_can_read_is_a_fault(void **state)
{
	(void)state;
	char path[PATH_ROOM];
	path_of("bulkwatch.conf", path);
	write_text(
	    "bulkwatch.conf", ALERTS("\nsmtp = \"smtp://an:geheim@b.vn\";"));
	assert_int_equal(chmod(path, 0644), 0);
	char *faults = faults_of_file();
	expect_in(
	    faults, "bulkwatch.conf", ":2: alerts.smtp: holds a password");
	assert_non_null(strstr(faults, "run: chgrp bulkwatch "));
	free(faults);
	assert_int_equal(chmod(path, 0640), 0);
	const struct settings *s = load();
	settings_unref(&s);
}

static void
a_password_in_an_included_file_is_held_to_that_files_mode(void **state)
{
	(void)state;
	char path[PATH_ROOM], main_path[PATH_ROOM];
	path_of("secret.conf", path);
	path_of("bulkwatch.conf", main_path);
	write_text("secret.conf", "smtp = \"smtp://an:geheim@b.vn\";\n");
	write_text("bulkwatch.conf", ALERTS("\n@include \"secret.conf\"\n"));
	assert_int_equal(chmod(main_path, 0644), 0);
	assert_int_equal(chmod(path, 0644), 0);
	char *faults = faults_of_file();
	expect_in(faults, "secret.conf", ":1: alerts.smtp: holds a password");
	free(faults);
	assert_int_equal(chmod(path, 0600), 0);
	const struct settings *s = load();
	settings_unref(&s);
}

/* ------------------------------------------------------ who may change it */

static void
refused_because_of(const char *name, mode_t mode, const char *words)
{
	char path[PATH_ROOM];
	path_of(name, path);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(chmod(path, mode), 0);
	char *faults = faults_of_file();
	if (strstr(faults, words) == NULL)
		fail_msg("\"%s\" is not in: %s", words, faults);
	assert_non_null(strstr(faults, "chmod o-w"));
	free(faults);
	assert_int_equal(chmod(path, st.st_mode & 07777), 0);
}

static void
a_file_that_everybody_can_change_is_a_fault(void **state)
{
	(void)state;
	write_text("more.conf", "on_failure = \"defer\";\n");
	write_text("bulkwatch.conf", LEAST "\n@include \"more.conf\"\n");
	make_folder("templates");
	make_folder("templates/vi");
	write_text("templates/vi/started.txt", "Subject: {id}\n\n{sender}\n");
	refused_because_of("bulkwatch.conf", 0646, "may be changed by everybody");
	refused_because_of("more.conf", 0602, "may be changed by everybody");
	refused_because_of(
	    "templates/vi/started.txt", 0666, "may be changed by everybody");
	refused_because_of("", 0777, "may be replaced by everybody");
	refused_because_of(
	    "templates/vi", 0777, "may be replaced by everybody");
	/* The admin's group may, and a folder like /tmp keeps what is ours. */
	char path[PATH_ROOM];
	path_of("bulkwatch.conf", path);
	assert_int_equal(chmod(path, 0664), 0);
	assert_int_equal(chmod(folder, 01777), 0);
	const struct settings *s = load();
	settings_unref(&s);
}

/* Written to a file that only its owner reads. */
static const struct {
	const char *url, *fault;
} wrong_urls[] = {
    {"", "is no smtp:// or smtps:// URL"},
    {"http://an:geheim@h", "is no smtp:// or smtps:// URL"},
    {"an:geheim@b.vn", "is no smtp:// or smtps:// URL"},
    {"smtp://", "names no host"},
    {"smtp://an:geheim@", "names no host"},
    {"smtp://an:geheim@b..vn", "names no host"},
    {"smtp://an:ge heim@b.vn", "holds a space"},
    {"smtp://an:geheim%4@b.vn", "holds a space, a letter outside ASCII or a %"},
    {"smtp://an:geheim@\xc4\x91.vn", "holds a space, a letter outside ASCII"},
    {"smtp://an:geheim\\x01@b.vn", "holds a control character"},
    {"smtp://an:geheim\xff", "holds a control character"},
    {"smtp://geheim@b.vn", "has no user:password before the @"},
    {"smtp://:geheim@b.vn", "has no user:password before the @"},
    {"smtp://geheim:@b.vn", "has no user:password before the @"},
    {"smtp://an:geheim:x@b.vn", "has no user:password before the @"},
    {"smtp://an:geheim@x@b.vn", "has more than one @"},
    {"smtp://an:geheim@b.vn:0", "has no port from 1 to 65535"},
    {"smtp://an:geheim@b.vn:25/path", "has a path behind the host"},
    {"smtp://an:geheim", "has no port from 1 to 65535"},
    {"smtp://an:geheim@b.vn/path", "has a path behind the host"},
    {"smtp://an:geheim@[b.vn]", "has no IPv6 address between [ and ]"},
    {"smtp://an:geheim@[::1]25", "has no port from 1 to 65535"},
    {"smtp://an:geheim@[::1", "has no IPv6 address between [ and ]"},
};

static void
a_wrong_server_url_is_a_fault_that_shows_no_password(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong_urls); i++) {
		char text[512], fault[512], path[PATH_ROOM];
		snprintf(text, sizeof(text), ALERTS("smtp = \"%s\";"),
		    wrong_urls[i].url);
		snprintf(fault, sizeof(fault), ":1: alerts.smtp: %s",
		    wrong_urls[i].fault);
		write_text("bulkwatch.conf", text);
		path_of("bulkwatch.conf", path);
		assert_int_equal(chmod(path, 0600), 0);
		char *faults = faults_of_file();
		expect_in(faults, "bulkwatch.conf", fault);
		assert_null(strstr(faults, "heim"));
		free(faults);
	}
}

static void
no_other_fault_shows_a_password(void **state)
{
	(void)state;
	write_text("bulkwatch.conf",
	    ALERTS("smpt = \"smtp://an:geheim@b.vn\"; digest = (\"geheim\");"));
	char *faults = faults_of_file();
	assert_null(strstr(faults, "heim"));
	free(faults);
	expect_fault(ALERTS("smtp = \"smtp://an:geheim@b.vn;"), ":1: a text");
}

/* ---------------------------------------------------------------- files */

static void
a_file_that_is_absent_empty_or_no_file_is_a_sentence(void **state)
{
	(void)state;
	char *faults = faults_of_file();
	expect_in(faults, "bulkwatch.conf", ": there is no such file");
	free(faults);
	expect_fault("", ": is empty");
	expect_fault(" \n\t\n", ": is empty");
	char path[PATH_ROOM];
	path_of("bulkwatch.conf", path);
	assert_int_equal(remove(path), 0);
	make_folder("bulkwatch.conf");
	faults = faults_of_file();
	expect_in(faults, "bulkwatch.conf", ": is a folder");
	free(faults);
	assert_int_equal(remove(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	faults = faults_of_file();
	expect_in(faults, "bulkwatch.conf", ": is not a regular file");
	free(faults);
}

static void
a_file_that_may_not_be_read_is_a_sentence(void **state)
{
	(void)state;
	char path[PATH_ROOM], *faults = NULL;
	const struct settings *settings = NULL;
	write_text("bulkwatch.conf", LEAST);
	path_of("bulkwatch.conf", path);
	assert_int_equal(chmod(path, 0), 0);
	/* Nothing is kept from root: be nobody for a moment. */
	bool root = geteuid() == 0;
	if (root) {
		assert_int_equal(chmod(folder, 0755), 0);
		assert_int_equal(seteuid(65534), 0);
	}
	int result = settings_load(path, &settings, &faults);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(result, -1);
	expect_in(faults, "bulkwatch.conf", ": cannot be opened: Permission");
	free(faults);
}

static void
a_file_of_bytes_or_of_great_size_is_a_sentence(void **state)
{
	(void)state;
	static const char bytes[] = LEAST "\0user = 5;";
	write_bytes("bulkwatch.conf", bytes, sizeof(bytes));
	char *faults = faults_of_file();
	expect_in(faults, "bulkwatch.conf", ": holds a NUL byte");
	free(faults);
	size_t size = 1024 * 1024 + 1;
	char *much = malloc(size);
	assert_non_null(much);
	memset(much, '#', size);
	write_bytes("bulkwatch.conf", much, size);
	free(much);
	faults = faults_of_file();
	expect_in(faults, "bulkwatch.conf", ": is larger than 1 MiB");
	free(faults);
}

static void
a_file_that_does_not_parse_names_the_line(void **state)
{
	(void)state;
	expect_fault(LEAST "user = ;", ":2: cannot be understood here");
	expect_fault(LEAST "ledger: {\nkeep = \"90d\";\n",
	    ":4: cannot be understood here");
	expect_fault(LEAST "user = \"a\";\nuser = \"b\";",
	    ":3: this key stood here already");
	expect_fault(LEAST "local_domains = [ \"b.vn\", 1 ];",
	    ":2: a list holds values of one kind only");
	expect_fault(LEAST "@include \"nope.conf\"",
	    ":2: the file to include cannot be opened");
}

static void
what_is_never_closed_is_told_where_it_begins(void **state)
{
	(void)state;
	/* libconfig would take the rest of the file for a comment. */
	expect_fault(LEAST "\n/* note\nledger: { keep = \"1h\"; };\n",
	    ":3: the comment that begins here is never closed");
	expect_fault("/* two\nlines */ user = \"x;\n", ":2: a text begins");
	expect_fault("user = \"bulkwatch;\n" LEAST "spool = \"/x\";\n",
	    ":1: a text begins here that has no closing quote");
	expect_fault(LEAST "user = \"x\\", ":2: a text begins here");
}

static void
a_text_cut_by_an_escaped_nul_is_a_fault(void **state)
{
	(void)state;
	expect_fault(LEAST "database = \"/srv/b.db\\x00.old\";",
	    ":2: \\x00 would end the text there");
	const struct settings *s = load_text(ALERTS("contact = \"\\\\x00\";"));
	assert_string_equal(s->alerts.contact, "\\x00");
	settings_unref(&s);
}

static void
faults_of_an_included_file_name_that_file(void **state)
{
	(void)state;
	make_folder("d");
	write_text("d/more.conf", "\nuser = 5;\nledger: { keeep = \"1h\"; };\n"
				  "evidence: { recipients = 99999999999; };");
	write_text("bulkwatch.conf", LEAST "@include \"d/more.conf\"\n\n"
					   "spool = 1;\n");
	char *faults = faults_of_file();
	expect_in(faults, "d/more.conf", ":2: user: is a number");
	expect_in(faults, "d/more.conf", ":3: ledger.keeep: ");
	expect_in(faults, "d/more.conf", ":4: this number is too large");
	expect_in(faults, "bulkwatch.conf", ":4: spool: is a number");
	free(faults);
	write_text("d/more.conf", "user = ;\n");
	faults = faults_of_file();
	expect_in(faults, "d/more.conf", ":1: cannot be understood here");
	free(faults);
}

static void
the_file_may_be_named_without_a_folder(void **state)
{
	(void)state;
	char before[4096], *faults = NULL;
	const struct settings *s = NULL;
	write_text("more.conf", "user = \"more\";\n");
	write_text("bulkwatch.conf", LEAST "@include \"more.conf\"\n");
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(folder), 0);
	int result = settings_load("bulkwatch.conf", &s, &faults);
	assert_int_equal(chdir(before), 0);
	assert_int_equal(result, 0);
	assert_string_equal(s->file, "bulkwatch.conf");
	assert_string_equal(s->user, "more");
	settings_unref(&s);
}

#define BOM "\xEF\xBB\xBF"

static void
a_byte_order_mark_is_no_fault(void **state)
{
	(void)state;
	make_folder("templates");
	make_folder("templates/vi");
	write_text("templates/vi/grown.txt", BOM "Subject: s\n\nb\n");
	const struct settings *s = load_text(BOM LEAST);
	settings_unref(&s);
	expect_fault(BOM "user = ;\n", ":1: cannot be understood here");
	expect_fault(BOM, ": is empty; ");
}

static void
the_sample_file_is_right(void **state)
{
	(void)state;
	char *faults = NULL;
	const struct settings *s = NULL;
	if (settings_load("conf/bulkwatch.conf", &s, &faults) < 0)
		fail_msg("%s", faults);
	assert_int_equal(s->rules_n, 2);
	assert_int_equal(s->rules[0].recipients, 20);
	assert_int_equal(s->rules[1].window_secs, 600);
	settings_unref(&s);
}

/* ------------------------------------------------------------ templates */

static const char *
no_value(const char *name, void *context)
{
	(void)name;
	(void)context;
	return "";
}

static void
expect_subject(
    const struct settings *s, enum template_id id, const char *expected)
{
	const char *subject, *body;
	struct arena *arena = arena_new();
	assert_non_null(arena);
	assert_int_equal(template_render(arena, s->alerts.templates[id],
			     no_value, NULL, &subject, &body),
	    0);
	if (strstr(subject, expected) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", expected, subject);
	arena_free(arena);
}

static void
a_template_beside_the_file_replaces_the_built_in_one(void **state)
{
	(void)state;
	make_folder("templates");
	make_folder("templates/vi");
	write_text("templates/vi/grown.txt", "Subject: our own\n\ntext\n");
	const struct settings *s = load_text(LEAST);
	expect_subject(s, TEMPLATE_GROWN, "our own");
	expect_subject(s, TEMPLATE_STARTED, "người nhận");
	expect_subject(s, TEMPLATE_DIGEST, "Tổng hợp");
	settings_unref(&s);
	s = load_text(ALERTS("language = \"en\";"));
	expect_subject(s, TEMPLATE_GROWN, "now ");
	settings_unref(&s);
}

static void
faults_of_a_template_are_told_with_those_of_the_file(void **state)
{
	(void)state;
	make_folder("templates");
	make_folder("templates/vi");
	write_text("templates/vi/grown.txt",
	    "Subject: {sendr}\n\n{id} {nope}\nx {id\n");
	make_folder("templates/vi/digest.txt");
	write_text("bulkwatch.conf", LEAST "user = 5;");
	char *faults = faults_of_file();
	expect_in(faults, "bulkwatch.conf", ":2: user: ");
	expect_in(faults, "templates/vi/grown.txt",
	    ":1: {sendr} is not a known placeholder; the nearest one is "
	    "{sender}");
	expect_in(faults, "templates/vi/grown.txt", ":3: {nope} is not");
	expect_in(faults, "templates/vi/grown.txt", ":4: a brace is opened");
	expect_in(faults, "templates/vi/digest.txt", ": is a folder");
	assert_int_equal(count_lines(faults), 5);
	free(faults);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(a_password_in_a_file_that_anybody_can_read_is_a_fault),
	    TEST(a_password_in_an_included_file_is_held_to_that_files_mode),
	    TEST(a_file_that_everybody_can_change_is_a_fault),
	    TEST(a_wrong_server_url_is_a_fault_that_shows_no_password),
	    TEST(no_other_fault_shows_a_password),
	    TEST(a_file_that_is_absent_empty_or_no_file_is_a_sentence),
	    TEST(a_file_that_may_not_be_read_is_a_sentence),
	    TEST(a_file_of_bytes_or_of_great_size_is_a_sentence),
	    TEST(a_file_that_does_not_parse_names_the_line),
	    TEST(what_is_never_closed_is_told_where_it_begins),
	    TEST(a_text_cut_by_an_escaped_nul_is_a_fault),
	    TEST(faults_of_an_included_file_name_that_file),
	    TEST(the_file_may_be_named_without_a_folder),
	    TEST(the_sample_file_is_right),
	    TEST(a_byte_order_mark_is_no_fault),
	    TEST(a_template_beside_the_file_replaces_the_built_in_one),
	    TEST(faults_of_a_template_are_told_with_those_of_the_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
