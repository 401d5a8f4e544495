/*
 * Makes the calls of a program fail, one at a time: preload this, and the N-th call of a class is not made but answered
 * by an error. What the program's libraries call counts as well; what the C library does inside itself cannot be seen.
 *
 * FAULTS_LOG is a file that gets, after main, a line "count CLASS NUMBER" for each class, and a line "hit FUNCTION
 * DETAIL from OBJECT" for the call that failed. FAULTS is CLASS:N:WHAT, where WHAT is the number of an errno; 0 for a
 * read or write that does half of what it is asked for; and with a + in front for all calls from the N-th on.
 * CLASS heap is no count of calls: N is how many bytes there are in all.
 */
#define _GNU_SOURCE

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum class {
	CLASS_OPEN,
	CLASS_READ,
	CLASS_WRITE,
	CLASS_SAY, /* writes to standard output and error */
	CLASS_SYNC,
	CLASS_CLOSE,
	CLASS_RENAME,
	CLASS_TRUNCATE,
	CLASS_MKDIR,
	CLASS_UNLINK,
	CLASS_STAT,
	CLASS_LOCK,
	CLASS_CHMOD,
	CLASS_FCNTL,
	CLASS_PIPE,
	CLASS_SOCKET,
	CLASS_CONNECT,
	CLASS_RESOLVE,
	CLASS_SEND,
	CLASS_RECV,
	CLASS_POLL,
	CLASS_THREAD,
	CLASS_SPAWN,
	CLASS_RANDOM,
	CLASS_MEMORY,
	CLASS_HEAP,
	CLASS_COUNT
};

static const char *const class_names[CLASS_COUNT] = {"open", "read", "write", "say", "sync", "close", "rename",
	"truncate", "mkdir", "unlink", "stat", "lock", "chmod", "fcntl", "pipe", "socket", "connect", "resolve", "send",
	"recv", "poll", "thread", "spawn", "random", "memory", "heap"};

static atomic_long counts[CLASS_COUNT];
static atomic_bool armed;
static _Thread_local bool inside; /* what the shim itself does is not counted */
static enum class wanted = CLASS_COUNT;
static long wanted_number;
static int wanted_error;
static bool wanted_on;
static char log_path[4096];
static atomic_long live; /* bytes of memory given out and not freed */
static atomic_long most;

/* --- what is written down ------------------------------------------------------------------------------------------
 */

/* By system calls of its own, as the functions of the library are those that fail. */
static void write_log(const char *text)
{
	long fd = log_path[0] != '\0'
			  ? syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
			  : -1;
	if (fd < 0)
		return;
	syscall(SYS_write, fd, text, strlen(text));
	syscall(SYS_close, fd);
}

static void log_hit(const char *function, const char *path, int fd, const void *caller)
{
	char line[8192];
	char link[64];
	char target[4096] = "";
	Dl_info object = {0};
	if (path == NULL && fd >= 0) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		long length = syscall(SYS_readlinkat, AT_FDCWD, link, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
	}
	dladdr(caller, &object);
	const char *slash = object.dli_fname != NULL ? strrchr(object.dli_fname, '/') : NULL;
	snprintf(line, sizeof(line), "hit %s %s from %s+%#lx\n", function, path != NULL ? path : target,
		slash != NULL ? slash + 1 : "?",
		object.dli_fbase != NULL ? (unsigned long)((const char *)caller - (const char *)object.dli_fbase) : 0);
	write_log(line);
}

/* --- whether a call fails ------------------------------------------------------------------------------------------
 */

/* What a call can do beside failing. */
enum nature {
	WHOLE = 0,
	HALVABLE = 1,      /* do half of what it is asked for */
	INTERRUPTIBLE = 2, /* be interrupted by a signal */
};

/* Counts a call. True when it is to fail, with errno set, or to do half. */
static bool strike(
	enum class class, unsigned nature, const char *function, const char *path, int fd, const void *caller)
{
	if (!atomic_load(&armed) || inside)
		return false;
	if (class == wanted && ((wanted_error == 0 && (nature & HALVABLE) == 0) ||
				       (wanted_error == EINTR && (nature & INTERRUPTIBLE) == 0)))
		return false;
	long number = atomic_fetch_add(&counts[class], 1) + 1;
	if (class != wanted || number < wanted_number || (number > wanted_number && !wanted_on))
		return false;
	inside = true;
	if (number == wanted_number)
		log_hit(function, path, fd, caller);
	inside = false;
	errno = wanted_error;
	return true;
}

static void *next_of(const char *name)
{
	bool before = inside;
	inside = true;
	void *found = dlsym(RTLD_NEXT, name);
	inside = before;
	if (found == NULL) {
		write_log("no such function: ");
		write_log(name);
		_exit(98);
	}
	return found;
}

/* ISO C has no cast from an object's address to a function's. */
#define NEXT(function, name)                                                                                           \
	do {                                                                                                           \
		if ((function) == NULL) {                                                                              \
			void *next_found = next_of(name);                                                              \
			memcpy(&(function), &next_found, sizeof(next_found));                                          \
		}                                                                                                      \
	} while (0)

/* A function that is made to fail whole. */
#define WRAP(type, name, parameters, arguments, class, path, fd, failed)                                               \
	WRAP_AS(WHOLE, type, name, parameters, arguments, class, path, fd, failed)
#define WRAP_AS(nature, type, name, parameters, arguments, class, path, fd, failed)                                    \
	type name parameters;                                                                                          \
	type name parameters                                                                                           \
	{                                                                                                              \
		static type(*next) parameters;                                                                         \
		NEXT(next, #name);                                                                                     \
		if (strike(class, nature, #name, path, fd, __builtin_return_address(0)))                               \
			return failed;                                                                                 \
		return next arguments;                                                                                 \
	}

/* --- the program's main --------------------------------------------------------------------------------------------
 */

static int (*true_main)(int argc, char **argv, char **environment);

static void read_wish(const char *text)
{
	char name[32] = "";
	const char *colon = strchr(text, ':');
	if (colon == NULL || (size_t)(colon - text) >= sizeof(name))
		return;
	memcpy(name, text, (size_t)(colon - text));
	for (int i = 0; i < CLASS_COUNT; i++)
		if (strcmp(class_names[i], name) == 0)
			wanted = (enum class)i;
	char *end = NULL;
	wanted_number = strtol(colon + 1, &end, 10);
	wanted_on = *end == ':' && end[1] == '+';
	wanted_error = *end == ':' ? (int)strtol(end + 1 + wanted_on, NULL, 10) : EIO;
}

static int counted_main(int argc, char **argv, char **environment)
{
	inside = true;
	const char *wish = getenv("FAULTS");
	const char *log = getenv("FAULTS_LOG");
	snprintf(log_path, sizeof(log_path), "%s", log != NULL ? log : "");
	if (wish != NULL)
		read_wish(wish);
	unsetenv("LD_PRELOAD"); /* not for the program's children */
	unsetenv("FAULTS");
	unsetenv("FAULTS_LOG");
	inside = false;
	atomic_store(&armed, true);
	int status = true_main(argc, argv, environment);
	atomic_store(&armed, false);
	for (int i = 0; i < CLASS_COUNT; i++) {
		char line[64];
		snprintf(line, sizeof(line), "count %s %ld\n", class_names[i],
			i == CLASS_HEAP ? atomic_load(&most) : atomic_load(&counts[i]));
		write_log(line);
	}
	return status;
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
	void (*rtld_fini)(void), void *stack_end);

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
	void (*rtld_fini)(void), void *stack_end)
{
	static int (*next)(
		int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
	NEXT(next, "__libc_start_main");
	true_main = main;
	return next(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}

/* --- memory --------------------------------------------------------------------------------------------------------
 */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

static bool no_memory(const char *function, size_t size, size_t old, const void *caller)
{
	if (strike(CLASS_MEMORY, WHOLE, function, "", -1, caller))
		return true;
	if (wanted != CLASS_HEAP || !atomic_load(&armed) || inside ||
		atomic_load(&live) - (long)old + (long)size <= wanted_number)
		return false;
	if (atomic_fetch_add(&counts[CLASS_HEAP], 1) == 0) {
		inside = true;
		log_hit(function, "", -1, caller);
		inside = false;
	}
	errno = ENOMEM;
	return true;
}

static void *given(void *block)
{
	long now = atomic_fetch_add(&live, (long)malloc_usable_size(block)) + (long)malloc_usable_size(block);
	long before = atomic_load(&most);
	while (now > before && !atomic_compare_exchange_weak(&most, &before, now))
		;
	return block;
}

void *malloc(size_t size)
{
	if (no_memory("malloc", size, 0, __builtin_return_address(0)))
		return NULL;
	return given(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
	if (no_memory("calloc", count * size, 0, __builtin_return_address(0)))
		return NULL;
	return given(__libc_calloc(count, size));
}

void *realloc(void *old, size_t size)
{
	size_t had = malloc_usable_size(old);
	if (no_memory("realloc", size, had, __builtin_return_address(0)))
		return NULL;
	atomic_fetch_sub(&live, (long)had);
	return given(__libc_realloc(old, size));
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
	if (no_memory("posix_memalign", size, 0, __builtin_return_address(0)))
		return ENOMEM;
	*block = given(__libc_memalign(alignment, size));
	return *block != NULL ? 0 : ENOMEM;
}

void *aligned_alloc(size_t alignment, size_t size)
{
	if (no_memory("aligned_alloc", size, 0, __builtin_return_address(0)))
		return NULL;
	return given(__libc_memalign(alignment, size));
}

void free(void *block)
{
	int failure = errno;
	atomic_fetch_sub(&live, (long)malloc_usable_size(block));
	__libc_free(block);
	errno = failure;
}

WRAP(void *, mmap, (void *at, size_t length, int protection, int flags, int fd, off_t offset),
	(at, length, protection, flags, fd, offset), CLASS_MEMORY, "", -1, MAP_FAILED)

/* --- opening -------------------------------------------------------------------------------------------------------
 */

static mode_t mode_of(int flags, va_list arguments)
{
	return (flags & (O_CREAT | O_TMPFILE)) != 0 ? (mode_t)va_arg(arguments, int) : 0;
}

#define WRAP_OPEN(name)                                                                                                \
	int name(const char *path, int flags, ...);                                                                    \
	int name(const char *path, int flags, ...)                                                                     \
	{                                                                                                              \
		static int (*next)(const char *, int, ...);                                                            \
		NEXT(next, #name);                                                                                     \
		va_list arguments;                                                                                     \
		va_start(arguments, flags);                                                                            \
		mode_t mode = mode_of(flags, arguments);                                                               \
		va_end(arguments);                                                                                     \
		if (strike(CLASS_OPEN, INTERRUPTIBLE, #name, path, -1, __builtin_return_address(0)))                   \
			return -1;                                                                                     \
		return next(path, flags, mode);                                                                        \
	}

#define WRAP_OPENAT(name)                                                                                              \
	int name(int folder, const char *path, int flags, ...);                                                        \
	int name(int folder, const char *path, int flags, ...)                                                         \
	{                                                                                                              \
		static int (*next)(int, const char *, int, ...);                                                       \
		NEXT(next, #name);                                                                                     \
		va_list arguments;                                                                                     \
		va_start(arguments, flags);                                                                            \
		mode_t mode = mode_of(flags, arguments);                                                               \
		va_end(arguments);                                                                                     \
		if (strike(CLASS_OPEN, INTERRUPTIBLE, #name, path, -1, __builtin_return_address(0)))                   \
			return -1;                                                                                     \
		return next(folder, path, flags, mode);                                                                \
	}

WRAP_OPEN(open)
WRAP_OPEN(open64)
WRAP_OPENAT(openat)
WRAP_OPENAT(openat64)
WRAP(int, __open_2, (const char *path, int flags), (path, flags), CLASS_OPEN, path, -1, -1)
WRAP(int, __open64_2, (const char *path, int flags), (path, flags), CLASS_OPEN, path, -1, -1)
WRAP(int, __openat_2, (int folder, const char *path, int flags), (folder, path, flags), CLASS_OPEN, path, -1, -1)
WRAP(int, creat, (const char *path, mode_t mode), (path, mode), CLASS_OPEN, path, -1, -1)
WRAP(FILE *, fopen, (const char *path, const char *mode), (path, mode), CLASS_OPEN, path, -1, NULL)
WRAP(FILE *, fopen64, (const char *path, const char *mode), (path, mode), CLASS_OPEN, path, -1, NULL)
WRAP(FILE *, fdopen, (int fd, const char *mode), (fd, mode), CLASS_OPEN, NULL, fd, NULL)
WRAP(DIR *, opendir, (const char *path), (path), CLASS_OPEN, path, -1, NULL)
WRAP(DIR *, fdopendir, (int fd), (fd), CLASS_OPEN, NULL, fd, NULL)
WRAP(int, mkstemp, (char *path), (path), CLASS_OPEN, path, -1, -1)
WRAP(int, mkstemp64, (char *path), (path), CLASS_OPEN, path, -1, -1)
WRAP(int, dup, (int fd), (fd), CLASS_OPEN, NULL, fd, -1)

/* --- reading and writing -------------------------------------------------------------------------------------------
 */

static size_t half(size_t size)
{
	return size > 1 ? size / 2 : size;
}

/* Calls that may also do half of what they are asked for. */
#define WRAP_HALF(name, parameters, whole, part, class)                                                                \
	ssize_t name parameters;                                                                                       \
	ssize_t name parameters                                                                                        \
	{                                                                                                              \
		static ssize_t(*next) parameters;                                                                      \
		NEXT(next, #name);                                                                                     \
		if (!strike(class, HALVABLE | INTERRUPTIBLE, #name, NULL, fd, __builtin_return_address(0)))            \
			return next whole;                                                                             \
		if (wanted_error != 0)                                                                                 \
			return -1;                                                                                     \
		return next part;                                                                                      \
	}

WRAP_HALF(read, (int fd, void *data, size_t size), (fd, data, size), (fd, data, half(size)), CLASS_READ)
WRAP_HALF(pread, (int fd, void *data, size_t size, off_t at), (fd, data, size, at), (fd, data, half(size), at),
	CLASS_READ)
WRAP_HALF(pread64, (int fd, void *data, size_t size, off64_t at), (fd, data, size, at), (fd, data, half(size), at),
	CLASS_READ)
WRAP_HALF(__read_chk, (int fd, void *data, size_t size, size_t room), (fd, data, size, room),
	(fd, data, half(size), room), CLASS_READ)
WRAP_HALF(__pread_chk, (int fd, void *data, size_t size, off_t at, size_t room), (fd, data, size, at, room),
	(fd, data, half(size), at, room), CLASS_READ)
WRAP_HALF(write, (int fd, const void *data, size_t size), (fd, data, size), (fd, data, half(size)),
	fd == STDOUT_FILENO || fd == STDERR_FILENO ? CLASS_SAY : CLASS_WRITE)
WRAP_HALF(pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at), (fd, data, half(size), at),
	CLASS_WRITE)
WRAP_HALF(pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at),
	(fd, data, half(size), at), CLASS_WRITE)
WRAP(ssize_t, writev, (int fd, const struct iovec *pieces, int count), (fd, pieces, count), CLASS_WRITE, NULL, fd, -1)
WRAP(struct dirent *, readdir, (DIR * folder), (folder), CLASS_READ, "", -1, NULL)

/* The mark that ferror looks for. */
static size_t stream_fails(FILE *stream)
{
	stream->_flags |= 0x20;
	return 0;
}

size_t fread(void *data, size_t size, size_t count, FILE *stream)
{
	static size_t (*next)(void *, size_t, size_t, FILE *);
	NEXT(next, "fread");
	if (strike(CLASS_READ, WHOLE, "fread", NULL, fileno(stream), __builtin_return_address(0)))
		return stream_fails(stream);
	return next(data, size, count, stream);
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *stream)
{
	static size_t (*next)(const void *, size_t, size_t, FILE *);
	NEXT(next, "fwrite");
	enum class class = stream == stdout || stream == stderr ? CLASS_SAY : CLASS_WRITE;
	if (strike(class, WHOLE, "fwrite", NULL, fileno(stream), __builtin_return_address(0)))
		return stream_fails(stream);
	return next(data, size, count, stream);
}

/* What is still in the buffer of a stream goes away with it. */
static int lose(FILE *stream, const char *name, enum class class, int (*next)(FILE *), const void *caller)
{
	if (!strike(class, WHOLE, name, NULL, fileno(stream), caller))
		return next(stream);
	next(stream);
	errno = wanted_error;
	return EOF;
}

int fflush(FILE *stream)
{
	static int (*next)(FILE *);
	NEXT(next, "fflush");
	if (stream == NULL)
		return next(stream);
	return lose(stream, "fflush", stream == stdout || stream == stderr ? CLASS_SAY : CLASS_WRITE, next,
		__builtin_return_address(0));
}

int fclose(FILE *stream)
{
	static int (*next)(FILE *);
	NEXT(next, "fclose");
	return lose(stream, "fclose", CLASS_CLOSE, next, __builtin_return_address(0));
}

/* It is closed all the same, as Linux does it. */
int close(int fd)
{
	static int (*next)(int);
	NEXT(next, "close");
	if (!strike(CLASS_CLOSE, WHOLE, "close", NULL, fd, __builtin_return_address(0)))
		return next(fd);
	next(fd);
	errno = wanted_error;
	return -1;
}

WRAP(int, fsync, (int fd), (fd), CLASS_SYNC, NULL, fd, -1)
WRAP(int, fdatasync, (int fd), (fd), CLASS_SYNC, NULL, fd, -1)
WRAP(int, ftruncate, (int fd, off_t size), (fd, size), CLASS_TRUNCATE, NULL, fd, -1)
WRAP(int, ftruncate64, (int fd, off64_t size), (fd, size), CLASS_TRUNCATE, NULL, fd, -1)

/* --- names ---------------------------------------------------------------------------------------------------------
 */

WRAP(int, rename, (const char *from, const char *to), (from, to), CLASS_RENAME, to, -1, -1)
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), CLASS_RENAME, to, -1, -1)
WRAP(int, renameat2, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags),
	CLASS_RENAME, to, -1, -1)
WRAP(int, linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags), CLASS_RENAME,
	to, -1, -1)
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), CLASS_MKDIR, path, -1, -1)
WRAP(int, mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode), CLASS_MKDIR, path, -1, -1)
WRAP(char *, mkdtemp, (char *path), (path), CLASS_MKDIR, path, -1, NULL)
WRAP(int, unlink, (const char *path), (path), CLASS_UNLINK, path, -1, -1)
WRAP(int, unlinkat, (int folder, const char *path, int flags), (folder, path, flags), CLASS_UNLINK, path, -1, -1)
WRAP(int, rmdir, (const char *path), (path), CLASS_UNLINK, path, -1, -1)
WRAP(int, remove, (const char *path), (path), CLASS_UNLINK, path, -1, -1)
WRAP(int, stat, (const char *path, struct stat *to), (path, to), CLASS_STAT, path, -1, -1)
WRAP(int, lstat, (const char *path, struct stat *to), (path, to), CLASS_STAT, path, -1, -1)
WRAP(int, fstat, (int fd, struct stat *to), (fd, to), CLASS_STAT, NULL, fd, -1)
WRAP(int, fstatat, (int folder, const char *path, struct stat *to, int flags), (folder, path, to, flags), CLASS_STAT,
	path, -1, -1)
WRAP(int, access, (const char *path, int mode), (path, mode), CLASS_STAT, path, -1, -1)
WRAP(char *, realpath, (const char *path, char *to), (path, to), CLASS_STAT, path, -1, NULL)
WRAP(int, chmod, (const char *path, mode_t mode), (path, mode), CLASS_CHMOD, path, -1, -1)
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), CLASS_CHMOD, NULL, fd, -1)
WRAP_AS(INTERRUPTIBLE, int, flock, (int fd, int how), (fd, how), CLASS_LOCK, NULL, fd, -1)

#define WRAP_FCNTL(name)                                                                                               \
	int name(int fd, int command, ...);                                                                            \
	int name(int fd, int command, ...)                                                                             \
	{                                                                                                              \
		static int (*next)(int, int, ...);                                                                     \
		NEXT(next, #name);                                                                                     \
		va_list arguments;                                                                                     \
		va_start(arguments, command);                                                                          \
		void *argument = va_arg(arguments, void *);                                                            \
		va_end(arguments);                                                                                     \
		if (strike(CLASS_FCNTL, WHOLE, #name, NULL, fd, __builtin_return_address(0)))                          \
			return -1;                                                                                     \
		return next(fd, command, argument);                                                                    \
	}

WRAP_FCNTL(fcntl)
WRAP_FCNTL(fcntl64)

/* --- the network, threads, children, chance ------------------------------------------------------------------------
 */

WRAP(int, pipe, (int fds[2]), (fds), CLASS_PIPE, "", -1, -1)
WRAP(int, pipe2, (int fds[2], int flags), (fds, flags), CLASS_PIPE, "", -1, -1)
WRAP(int, socketpair, (int domain, int type, int protocol, int fds[2]), (domain, type, protocol, fds), CLASS_PIPE, "",
	-1, -1)
WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol), CLASS_SOCKET, "", -1, -1)
WRAP(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size), (fd, level, name, value, size),
	CLASS_SOCKET, NULL, fd, -1)
WRAP(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size), (fd, level, name, value, size),
	CLASS_SOCKET, NULL, fd, -1)
WRAP(int, getsockname, (int fd, struct sockaddr *address, socklen_t *size), (fd, address, size), CLASS_SOCKET, NULL, fd,
	-1)
WRAP(int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size), CLASS_CONNECT, NULL,
	fd, -1)
WRAP(int, getaddrinfo, (const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found),
	(host, service, hints, found), CLASS_RESOLVE, host, -1, EAI_AGAIN)
WRAP_HALF(send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags),
	(fd, data, half(size), flags), CLASS_SEND)
WRAP_HALF(recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags), (fd, data, half(size), flags),
	CLASS_RECV)
WRAP_AS(INTERRUPTIBLE, int, poll, (struct pollfd * fds, nfds_t count, int timeout), (fds, count, timeout), CLASS_POLL,
	"", -1, -1)
WRAP(int, pthread_create, (pthread_t * thread, const pthread_attr_t *how, void *(*run)(void *), void *context),
	(thread, how, run, context), CLASS_THREAD, "", -1, wanted_error)
WRAP(int, posix_spawn,
	(pid_t * child, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *how,
		char *const *arguments, char *const *environment),
	(child, path, actions, how, arguments, environment), CLASS_SPAWN, path, -1, wanted_error)
WRAP_AS(INTERRUPTIBLE, pid_t, waitpid, (pid_t child, int *status, int options), (child, status, options), CLASS_SPAWN,
	"", -1, -1)
WRAP(int, getentropy, (void *data, size_t size), (data, size), CLASS_RANDOM, "", -1, -1)
WRAP(ssize_t, getrandom, (void *data, size_t size, unsigned flags), (data, size, flags), CLASS_RANDOM, "", -1, -1)
