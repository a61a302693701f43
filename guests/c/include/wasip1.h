// The imports of WASI 0.1 that name a path, with the path's length given by the caller:
// libc takes C strings, and so can pass neither a NUL nor tell two preopened directories apart.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <wasi/api.h>

#define IMPORT(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) extern int32_t

IMPORT(path_open) raw_path_open(int32_t fd, int32_t lookup, const char *path, size_t length, int32_t oflags,
                                int64_t rights, int64_t inheriting, int32_t fdflags, int32_t *opened);
IMPORT(path_create_directory) raw_mkdir(int32_t fd, const char *path, size_t length);
IMPORT(path_remove_directory) raw_rmdir(int32_t fd, const char *path, size_t length);
IMPORT(path_unlink_file) raw_unlink(int32_t fd, const char *path, size_t length);
IMPORT(path_rename) raw_rename(int32_t fd, const char *from, size_t from_length, int32_t to_fd, const char *to, size_t to_length);
IMPORT(path_link) raw_link(int32_t fd, int32_t lookup, const char *from, size_t from_length, int32_t to_fd, const char *to, size_t to_length);
IMPORT(path_symlink) raw_symlink(const char *target, size_t target_length, int32_t fd, const char *path, size_t length);
IMPORT(path_readlink) raw_readlink(int32_t fd, const char *path, size_t length, void *buffer, size_t room, size_t *used);
IMPORT(path_filestat_get) raw_stat(int32_t fd, int32_t lookup, const char *path, size_t length, __wasi_filestat_t *stat);
IMPORT(path_filestat_set_times) raw_utimes(int32_t fd, int32_t lookup, const char *path, size_t length, int64_t atim, int64_t mtim, int32_t flags);

// The name that the specification gives to an error number: "noent" for 44; "?" for none of its own.
const char *errno_name(int32_t number);

// The descriptor of the preopened directory that the guest knows as `name`; the first one for NULL; -1 if there is none.
int32_t preopen(const char *name);
