/* Delays fsync and fdatasync of a process that preloads it, by the milliseconds in the file that SIGNALCAST_TEST_SLOW names.
 * No file means no delay. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void delay(void) {
	const char *path = getenv("SIGNALCAST_TEST_SLOW");
	int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0) return;
	char text[16];
	ssize_t length = read(file, text, sizeof text - 1);
	close(file);
	text[length < 0 ? 0 : length] = 0;
	long milliseconds = atol(text);
	struct timespec rest = {milliseconds / 1000, milliseconds % 1000 * 1000000};
	while (nanosleep(&rest, &rest) != 0) {}
}

static int synced(const char *name, int file) {
	int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
	delay();
	return sync(file);
}

int fsync(int file) { return synced("fsync", file); }

int fdatasync(int file) { return synced("fdatasync", file); }
