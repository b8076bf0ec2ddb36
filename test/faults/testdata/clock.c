/* Moves the wall clock of a process that preloads it, by a number of seconds. It does not move the monotonic clock, like an
 * operator who sets the time. */
#define _GNU_SOURCE
#include "number.h"
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
	int result = syscall(SYS_clock_gettime, clock, now);
	if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += number();
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
