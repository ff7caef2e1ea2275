/* main.c: bulkwatch, the command that shows what bulkwatchd has recorded, and
 * follows it up. */
#include <stdio.h>

#include "ctl.h"

int
main(int argc, char **argv)
{
	return ctl_run(stdout, stderr, argc, argv);
}
