/* templates.c: the templates of a language, from files or built in. */
#include "templates.h"

#include "file.h"

static void
load_one(struct arena *arena, const char *folder, const char *language,
    enum template_id id, const struct template **template_r,
    uint64_t *digest, struct faults *faults)
{
	struct err err;
	struct file_text file;
	const char *path = arena_printf(
	    arena, "%s/templates/%s/%s", folder, language, template_file(id));
	if (path == NULL) {
		faults->memory_out = true;
		return;
	}
	int found = file_read(arena, path, &file, &err);
	*digest = file_digest(*digest, found > 0 ? file.text : "");
	if (found > 0) {
		*template_r = template_read(arena, path, file.text, faults);
	} else if (found == 0) {
		*template_r = template_read(arena, "built-in template",
		    template_builtin(language, id), faults);
	} else {
		struct place place = {path, 0, ""};
		faults_add(faults, &place, "%s", err.text);
	}
}

void
templates_load(struct arena *arena, const char *folder, const char *language,
    const struct template *templates_r[TEMPLATES_N], uint64_t *digest,
    struct faults *faults)
{
	for (int id = 0; id < TEMPLATES_N; id++)
		load_one(arena, folder, language, (enum template_id)id,
		    &templates_r[id], digest, faults);
}
