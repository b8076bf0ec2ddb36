/* Delays fsync and fdatasync of a process that preloads it, by a number of milliseconds. */
#define _GNU_SOURCE
#include "number.h"
#include <dlfcn.h>
#include <time.h>

static void delay(void) {
	long milliseconds = number();
	struct timespec rest = {milliseconds / 1000, milliseconds % 1000 * 1000000};
	while (milliseconds > 0 && nanosleep(&rest, &rest) != 0) {}
}

static int delayed(const char *name, int file) {
	int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
	delay();
	return sync(file);
}

int fsync(int file) { return delayed("fsync", file); }

int fdatasync(int file) { return delayed("fdatasync", file); }
