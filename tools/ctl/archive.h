/* archive.h - a backup as bytes: pure, the files around it are backup_file.h's.
 *
 *     8 "VRBACKUP"  1 version  7 zero  8 made at (seconds)  8 print of the key  24 seal's header
 *     then messages: 4 length, sealed bytes; each vouches for the first 32 bytes as well
 *
 *     inside a message: 1 kind, then
 *       H  JSON about the whole: {"version","by",...}             the first one
 *       P  name of a part: "store/a", "etcd"
 *       D  a piece of it
 *       E  8 bytes, 32 SHA-256: the part is over, it had so many and this hash
 *       Z  4 parts in all                                         the last one, marked as such
 *
 * Numbers are big-endian. A file that ends without Z, goes on after it, or has a message that its
 * key did not seal, is refused: nothing of it may be used before Z was seen. */
#ifndef VR_CTL_ARCHIVE_H
#define VR_CTL_ARCHIVE_H

#include "actors/base/bytes.h"
#include "actors/base/err.h"
#include "tools/ctl/seal.h"

#define VR_ARCHIVE_HEAD 56 /* bytes before the first message */
#define VR_ARCHIVE_PIECE ((size_t)64 * 1024)
#define VR_ARCHIVE_NAME 80

/** What stands in clear at its beginning. */
struct vr_archive_head {
    uint64_t made_at; /* seconds, Unix time */
    uint8_t print[VR_SEAL_PRINT];
};

/** False: this is no backup, or of a newer version. */
bool vr_archive_head_read(struct vr_bytes bytes, struct vr_archive_head *out, struct vr_why *why);

/* --- writing: each call appends to `out`, which the caller empties --- */

struct vr_archive_writer;

/** NULL: memory is out. */
struct vr_archive_writer *vr_archive_writer_new(const uint8_t key[VR_SEAL_KEY], uint64_t made_at,
                                                const char *about, struct vr_buf *out);
void vr_archive_writer_free(struct vr_archive_writer *writer);
void vr_archive_part(struct vr_archive_writer *writer, const char *name, struct vr_buf *out);
void vr_archive_data(struct vr_archive_writer *writer, struct vr_bytes data, struct vr_buf *out);
void vr_archive_part_end(struct vr_archive_writer *writer, struct vr_buf *out);
/** VR_E_NO_MEMORY when anything before has failed. */
VR_MUST_CHECK enum vr_err vr_archive_end(struct vr_archive_writer *writer, struct vr_buf *out);

/* --- reading --- */

enum vr_archive_kind {
    VR_ARCHIVE_ABOUT, /* body: JSON */
    VR_ARCHIVE_PART,  /* body: its name */
    VR_ARCHIVE_DATA,
    VR_ARCHIVE_PART_END, /* size and hash were as they must be */
    VR_ARCHIVE_END,      /* whole: it may be used */
};

struct vr_archive_event {
    enum vr_archive_kind kind;
    struct vr_bytes body; /* good until the next call */
};

struct vr_archive_reader;

struct vr_archive_reader *vr_archive_reader_new(const uint8_t key[VR_SEAL_KEY]);
void vr_archive_reader_free(struct vr_archive_reader *reader);
/** Give it more of the file. */
void vr_archive_feed(struct vr_archive_reader *reader, struct vr_bytes bytes);
/** The next thing in it. VR_E_IN_PROGRESS: it needs more bytes. VR_E_FORBIDDEN: made with another
 * key. VR_E_DAMAGED: with a sentence. After an error nothing comes any more. */
VR_MUST_CHECK enum vr_err vr_archive_next(struct vr_archive_reader *reader,
                                          struct vr_archive_event *out, struct vr_why *why);
/** The file is over: was it whole? */
VR_MUST_CHECK enum vr_err vr_archive_over(const struct vr_archive_reader *reader,
                                          struct vr_why *why);

/** The half behind the seal: judge one opened message. For vr_archive_next, and fuzzing. */
VR_MUST_CHECK enum vr_err vr_archive_take(struct vr_archive_reader *reader, struct vr_bytes message,
                                          bool last, struct vr_archive_event *out,
                                          struct vr_why *why);

#endif
