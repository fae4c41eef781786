/* A disk that can't read the bytes of FAILING_FILE from FAILING_FROM up to FAILING_TO. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fails(int fd, off_t at, size_t *count) {
    const char *name = getenv("FAILING_FILE");
    char link[64], path[4096];
    if (name == NULL || at < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (strcmp(path, name) != 0) return 0;
    off_t from = atoll(getenv("FAILING_FROM")), to = atoll(getenv("FAILING_TO"));
    if (at >= from && at < to) return 1;
    if (at < from && at + (off_t)*count > from) *count = from - at;
    return 0;
}

ssize_t read(int fd, void *buffer, size_t count) {
    ssize_t (*real)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    if (fails(fd, getenv("FAILING_FILE") ? lseek(fd, 0, SEEK_CUR) : -1, &count)) {
        errno = EIO;
        return -1;
    }
    return real(fd, buffer, count);
}

ssize_t pread64(int fd, void *buffer, size_t count, off_t at) {
    ssize_t (*real)(int, void *, size_t, off_t) = dlsym(RTLD_NEXT, "pread64");
    if (fails(fd, at, &count)) {
        errno = EIO;
        return -1;
    }
    return real(fd, buffer, count, at);
}
