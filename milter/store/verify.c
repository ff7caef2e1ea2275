/* verify.c: a check of the whole file that can be ended from another thread. */
#include "store_internal.h"

void
store_check_init(struct store_check *check)
{
	*check = (struct store_check){.db = NULL};
	pthread_mutex_init(&check->mutex, NULL);
}

/* SQLite asks no progress handler within a table's check, but it looks for an
 * interrupt. */
void
store_check_stop(struct store_check *check)
{
	pthread_mutex_lock(&check->mutex);
	check->stopped = true;
	if (check->db != NULL)
		sqlite3_interrupt(check->db);
	pthread_mutex_unlock(&check->mutex);
}

/* Notes the connection that can be interrupted, NULL for none. Returns true if
 * the check shall stop. */
static bool
check_runs_on(struct store_check *check, sqlite3 *db)
{
	pthread_mutex_lock(&check->mutex);
	check->db = db;
	bool stopped = check->stopped;
	pthread_mutex_unlock(&check->mutex);
	return stopped;
}

int
store_verify(const char *path, struct store_check *check, struct err *err)
{
	sqlite3 *db;
	if (schema_connect(path, SQLITE_OPEN_READWRITE, &db, err) < 0)
		return -1;
	int sound = check_runs_on(check, db) ? 1 : schema_quick_check(db, err);
	const bool stopped = check_runs_on(check, NULL);
	sqlite3_close(db);
	return stopped ? 1 : sound;
}
