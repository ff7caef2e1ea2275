/* version.h: what both programs call themselves. */
#ifndef BULKWATCH_VERSION_H
#define BULKWATCH_VERSION_H

#define BULKWATCH_VERSION "0.1"

#endif
