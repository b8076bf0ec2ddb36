/* Moves the wall clock of a process that preloads it, by the seconds in the file that SIGNALCAST_TEST_CLOCK names.
 * No file means no difference. The monotonic clock is not moved, as when an operator sets the time. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset(void) {
	const char *path = getenv("SIGNALCAST_TEST_CLOCK");
	int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0) return 0;
	char text[16];
	ssize_t length = read(file, text, sizeof text - 1);
	close(file);
	text[length < 0 ? 0 : length] = 0;
	return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
	int result = syscall(SYS_clock_gettime, clock, now);
	if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += offset();
	return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
	(void)zone;
	struct timespec precise;
	int result = clock_gettime(CLOCK_REALTIME, &precise);
	now->tv_sec = precise.tv_sec;
	now->tv_usec = precise.tv_nsec / 1000;
	return result;
}

time_t time(time_t *now) {
	struct timespec precise;
	clock_gettime(CLOCK_REALTIME, &precise);
	if (now != NULL) *now = precise.tv_sec;
	return precise.tv_sec;
}
