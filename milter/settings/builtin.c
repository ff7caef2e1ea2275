/*
 * builtin.c: the texts of conf/templates, inside the program.
 *
 * The assembler takes in the files as they are, so that each text is in the
 * tree once. Paths count from the top of the tree, where make runs.
 */
#include "bulkwatch/template.h"

#include <string.h>

/* A symbol with the bytes of a file and a NUL. */
#define BUILT_IN(symbol, file)                                                 \
	__asm__(".pushsection .rodata\n"                                       \
		".globl " #symbol "\n"                                         \
		".hidden " #symbol "\n" #symbol ":\n"                          \
		".incbin \"conf/templates/" file "\"\n"                        \
		".byte 0\n"                                                    \
		".popsection\n");                                              \
	extern const char symbol[] __attribute__((visibility("hidden")))

BUILT_IN(builtin_vi_started, "vi/started.txt");
BUILT_IN(builtin_vi_grown, "vi/grown.txt");
BUILT_IN(builtin_vi_digest, "vi/digest.txt");
BUILT_IN(builtin_vi_beyond, "vi/beyond.txt");
BUILT_IN(builtin_vi_notice, "vi/notice.txt");
BUILT_IN(builtin_vi_daily, "vi/daily.txt");
BUILT_IN(builtin_en_started, "en/started.txt");
BUILT_IN(builtin_en_grown, "en/grown.txt");
BUILT_IN(builtin_en_digest, "en/digest.txt");
BUILT_IN(builtin_en_beyond, "en/beyond.txt");
BUILT_IN(builtin_en_notice, "en/notice.txt");
BUILT_IN(builtin_en_daily, "en/daily.txt");

static const struct {
	const char *language;
	const char *texts[TEMPLATES_N];
} languages[] = {
    {"vi",
	{
	    [TEMPLATE_STARTED] = builtin_vi_started,
	    [TEMPLATE_GROWN] = builtin_vi_grown,
	    [TEMPLATE_DIGEST] = builtin_vi_digest,
	    [TEMPLATE_BEYOND] = builtin_vi_beyond,
	    [TEMPLATE_NOTICE] = builtin_vi_notice,
	    [TEMPLATE_DAILY] = builtin_vi_daily,
	}},
    {"en",
	{
	    [TEMPLATE_STARTED] = builtin_en_started,
	    [TEMPLATE_GROWN] = builtin_en_grown,
	    [TEMPLATE_DIGEST] = builtin_en_digest,
	    [TEMPLATE_BEYOND] = builtin_en_beyond,
	    [TEMPLATE_NOTICE] = builtin_en_notice,
	    [TEMPLATE_DAILY] = builtin_en_daily,
	}},
};

static const char *const files[TEMPLATES_N] = {
    [TEMPLATE_STARTED] = "started.txt",
    [TEMPLATE_GROWN] = "grown.txt",
    [TEMPLATE_DIGEST] = "digest.txt",
    [TEMPLATE_BEYOND] = "beyond.txt",
    [TEMPLATE_NOTICE] = "notice.txt",
    [TEMPLATE_DAILY] = "daily.txt",
};

const char *
template_builtin(const char *language, enum template_id id)
{
	for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++)
		if (strcmp(languages[i].language, language) == 0)
			return languages[i].texts[id];
	return NULL;
}

/* A hole in a table above would be a NULL that crashes the first load. */
_Static_assert(TEMPLATES_N == 6, "a template has no text or no file name");

const char *
template_file(enum template_id id)
{
	return files[id];
}
