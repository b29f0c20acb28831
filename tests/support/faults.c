/* Preloaded: calls on files whose name holds $FAULT_NAME fail with EIO; $FAULT_CALL is write, fsync or read. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int fails(int descriptor, const char *call) {
    const char *wanted = getenv("FAULT_CALL"), *name = getenv("FAULT_NAME");
    char link[64], path[4096];
    if (!wanted || !name || strcmp(wanted, call)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    if (!strstr(path, name)) return 0;
    errno = EIO;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int d, const void *data, size_t size) {
    return fails(d, "write") ? -1 : REAL(write)(d, data, size);
}
int fsync(int d) { return fails(d, "fsync") ? -1 : REAL(fsync)(d); }
int fdatasync(int d) { return fails(d, "fsync") ? -1 : REAL(fdatasync)(d); }
ssize_t pwrite64(int d, const void *data, size_t size, off64_t at) {
    return fails(d, "write") ? -1 : REAL(pwrite64)(d, data, size, at);
}
ssize_t read(int d, void *data, size_t size) { return fails(d, "read") ? -1 : REAL(read)(d, data, size); }
ssize_t readv(int d, const struct iovec *parts, int count) {
    return fails(d, "read") ? -1 : REAL(readv)(d, parts, count);
}
ssize_t pread(int d, void *data, size_t size, off_t at) {
    return fails(d, "read") ? -1 : REAL(pread)(d, data, size, at);
}
ssize_t pread64(int d, void *data, size_t size, off64_t at) {
    return fails(d, "read") ? -1 : REAL(pread64)(d, data, size, at);
}
