/*
 * Preloaded into a server (LD_PRELOAD), so that its power can be cut: notes in a log what each write
 * to a file below POWER_ROOT replaces, and what was synced since. The system's cache outlives a
 * process that is killed; power-cut.ts takes from it, with the log, what no sync has made durable.
 *
 *   POWER_ROOT   directory whose files are watched, LMDB's lock files excepted
 *   POWER_LOG    the log; next to it lie files that were removed, by their inode
 *   POWER_CUT    N: the process is killed at the Nth step; a step is before or after each operation
 *
 * Records are little-endian: u8 kind, u64 inode, u64 offset, u64 length, u64 size before, u32 bytes
 * that follow, and those: what was there (whole sectors), or a path.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, DURABLE_WRITE, RESIZE, SYNC, CREATE, REMOVE, SYNC_NAMES };

#define SECTOR 512
#define INODES (1 << 16)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *root, *log_path;
static int log_fd = -1;
static long left;
static ino_t watched[INODES];

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_unlink)(const char *);
static int (*real_link)(const char *, const char *);

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

static void begin(void) {
  real_pwrite = next("pwrite64");
  real_pwritev = next("pwritev");
  real_write = next("write");
  real_writev = next("writev");
  real_openat = next("openat");
  real_ftruncate = next("ftruncate64");
  real_fsync = next("fsync");
  real_unlink = next("unlink");
  real_link = next("link");
  root = getenv("POWER_ROOT");
  log_path = getenv("POWER_LOG");
  const char *cut = getenv("POWER_CUT");
  left = cut ? atol(cut) : 0;
  if (root && log_path)
    log_fd = real_openat(AT_FDCWD, log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static void ready(void) { pthread_once(&once, begin); }

static void step(void) {
  if (left > 0 && --left == 0) kill(getpid(), SIGKILL), pause();
}

static void all(const void *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t n = real_write(log_fd, (const char *)bytes + done, length - done);
    if (n <= 0) abort();
    done += n;
  }
}

static void note(int kind, ino_t ino, uint64_t offset, uint64_t length, uint64_t size,
                 const void *bytes, uint32_t count) {
  char *record = malloc(37 + count);
  uint64_t inode = ino;
  record[0] = kind;
  memcpy(record + 1, &inode, 8);
  memcpy(record + 9, &offset, 8);
  memcpy(record + 17, &length, 8);
  memcpy(record + 25, &size, 8);
  memcpy(record + 33, &count, 4);
  if (count) memcpy(record + 37, bytes, count);
  all(record, 37 + count);
  free(record);
}

static int below_root(const char *path) {
  size_t n = root ? strlen(root) : 0, length = strlen(path);
  if (log_fd < 0 || strncmp(path, root, n) || path[n] != '/') return 0;
  return length < 5 || strcmp(path + length - 5, "-lock");
}

/* The place of an inode, or a free one; -1 when there is neither. */
static int place(ino_t ino) {
  for (unsigned i = 0, at = ino % INODES; i < INODES; i++, at = (at + 1) % INODES)
    if (watched[at] == ino || watched[at] == 0) return at;
  return -1;
}

static int is_watched(int fd, struct stat *st) {
  if (log_fd < 0 || fd == log_fd || fstat(fd, st) || !S_ISREG(st->st_mode)) return 0;
  int at = place(st->st_ino);
  return at >= 0 && watched[at] == st->st_ino;
}

/* Notes what a write is about to replace. */
static void note_write(int fd, const struct stat *st, off_t offset, size_t length) {
  off_t from = offset - offset % SECTOR, to = (offset + length + SECTOR - 1) / SECTOR * SECTOR;
  char *before = calloc(1, to - from);
  char *path = NULL;
  int reader = fd;
  if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
    if (asprintf(&path, "/proc/self/fd/%d", fd) < 0) abort();
    reader = real_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    free(path);
  }
  ssize_t n = pread64(reader, before, to - from, from);
  if (reader != fd) close(reader);
  if (n < 0) n = 0;
  int kind = fcntl(fd, F_GETFL) & O_DSYNC ? DURABLE_WRITE : WRITE;
  note(kind, st->st_ino, offset, length, st->st_size, before, n);
  free(before);
}

static size_t sum(const struct iovec *iov, int count) {
  size_t total = 0;
  for (int i = 0; i < count; i++) total += iov[i].iov_len;
  return total;
}

static off_t position(int fd, const struct stat *st) {
  return fcntl(fd, F_GETFL) & O_APPEND ? st->st_size : lseek(fd, 0, SEEK_CUR);
}

#define WATCHED(fd, offset, length, call)        \
  ready();                                       \
  struct stat st;                                \
  if (!is_watched(fd, &st)) return call;         \
  pthread_mutex_lock(&lock);                     \
  fstat(fd, &st);                                \
  step();                                        \
  note_write(fd, &st, offset, length);           \
  ssize_t done = call;                           \
  step();                                        \
  pthread_mutex_unlock(&lock);                   \
  return done;

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
  WATCHED(fd, offset, length, real_pwrite(fd, bytes, length, offset))
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  return pwrite64(fd, bytes, length, offset);
}
ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t offset) {
  WATCHED(fd, offset, sum(iov, count), real_pwritev(fd, iov, count, offset))
}
ssize_t pwritev64(int fd, const struct iovec *iov, int count, off_t offset) {
  return pwritev(fd, iov, count, offset);
}
ssize_t write(int fd, const void *bytes, size_t length) {
  WATCHED(fd, position(fd, &st), length, real_write(fd, bytes, length))
}
ssize_t writev(int fd, const struct iovec *iov, int count) {
  WATCHED(fd, position(fd, &st), sum(iov, count), real_writev(fd, iov, count))
}

static int opened(int dir, const char *path, int flags, mode_t mode) {
  ready();
  if (dir != AT_FDCWD || !below_root(path)) return real_openat(dir, path, flags, mode);
  pthread_mutex_lock(&lock);
  int there = access(path, F_OK) == 0;
  int fd = real_openat(dir, path, flags, mode);
  struct stat st;
  if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
    int at = place(st.st_ino);
    if (at < 0) abort();
    watched[at] = st.st_ino;
    if (!there) {
      note(CREATE, st.st_ino, 0, 0, 0, path, strlen(path));
      step();
    }
  }
  pthread_mutex_unlock(&lock);
  return fd;
}

#define MODE(flags)                    \
  mode_t mode = 0;                     \
  if (flags & O_CREAT) {               \
    va_list list;                      \
    va_start(list, flags);             \
    mode = va_arg(list, mode_t);       \
    va_end(list);                      \
  }

int open(const char *path, int flags, ...) {
  MODE(flags)
  return opened(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  MODE(flags)
  return opened(AT_FDCWD, path, flags, mode);
}
int openat(int dir, const char *path, int flags, ...) {
  MODE(flags)
  return opened(dir, path, flags, mode);
}
int openat64(int dir, const char *path, int flags, ...) {
  MODE(flags)
  return opened(dir, path, flags, mode);
}

int ftruncate64(int fd, off_t size) {
  ready();
  struct stat st;
  if (!is_watched(fd, &st)) return real_ftruncate(fd, size);
  pthread_mutex_lock(&lock);
  fstat(fd, &st);
  step();
  if (size < st.st_size) note_write(fd, &st, size, st.st_size - size);
  note(RESIZE, st.st_ino, size, 0, st.st_size, NULL, 0);
  int result = real_ftruncate(fd, size);
  step();
  pthread_mutex_unlock(&lock);
  return result;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

/* Nothing has to reach a disk: what is in the system's cache outlives the process. */
static int synced(int fd) {
  ready();
  struct stat st;
  char name[32], path[4096];
  if (log_fd < 0) return real_fsync(fd);
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(name, path, sizeof path - 1);
  if (length < 0 || fstat(fd, &st)) return real_fsync(fd);
  path[length] = 0;
  int names = S_ISDIR(st.st_mode) && (below_root(path) || !strcmp(path, root));
  if (!names && !is_watched(fd, &st)) return real_fsync(fd);
  pthread_mutex_lock(&lock);
  step();
  note(names ? SYNC_NAMES : SYNC, st.st_ino, 0, 0, st.st_size, path, length);
  step();
  pthread_mutex_unlock(&lock);
  return 0;
}
int fsync(int fd) { return synced(fd); }
int fdatasync(int fd) { return synced(fd); }

int unlink(const char *path) {
  ready();
  struct stat st;
  if (!below_root(path) || lstat(path, &st) || !S_ISREG(st.st_mode)) return real_unlink(path);
  pthread_mutex_lock(&lock);
  step();
  char *kept = NULL;
  if (asprintf(&kept, "%s.%llu", log_path, (unsigned long long)st.st_ino) < 0) abort();
  real_link(path, kept);
  free(kept);
  note(REMOVE, st.st_ino, 0, 0, st.st_size, path, strlen(path));
  int result = real_unlink(path);
  step();
  pthread_mutex_unlock(&lock);
  return result;
}
