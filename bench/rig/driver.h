/* driver.h - how the bench talks to one kind of server. A driver gets a seat (room, part, our ICE
 * names and fingerprint) and comes back with the server's side of the transport; the media is then
 * the same for all. To add a server: one file with a `const struct vr_driver`, one line in
 * bench/drivers/drivers.c, and how to start the server in bench/servers.py.
 *
 * Loop: everything on the one thread of the bench; `turn` is called every tick and never blocks. */
#ifndef VR_BENCH_DRIVER_H
#define VR_BENCH_DRIVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define VR_BENCH_ROOM_MAX 64 /* bytes of a room's name at the server */
#define VR_BENCH_URLS_MAX 16

/** As whom a member asks: new; come back with a new transport; come back, his transport goes on. */
enum vr_coming { VR_COMING_JOIN, VR_COMING_RESUME, VR_COMING_REBIND };
enum vr_part { VR_PART_SPEAKER, VR_PART_LISTENER, VR_PART_MUTED };

struct vr_seat;

/** The server's side of a member's transport. */
struct vr_remote {
    struct sockaddr_in address;
    char ufrag[64];
    char pwd[128];
    uint8_t fingerprint[32];
    uint8_t opus_pt;
    uint8_t level_id;  /* 0: no audio level */
    bool controlling;  /* are we? */
    char session[64];  /* voiceroomd: for a WebSocket of the session */
    char resume[1024]; /* its resume token */
};

/** `remote` NULL: refused. Borrowed until return. */
typedef void (*vr_seated)(void *ctx, const struct vr_remote *remote);

/** Lives in the member that waits. */
struct vr_seat {
    const char *room; /* as the driver named it */
    enum vr_part part;
    uint32_t number;        /* unique among all processes of the bench */
    uint32_t speaker_count; /* speakers of the room, all seated before the first listener */
    const char *ufrag, *pwd;
    const uint8_t *fingerprint; /* 32 bytes */
    struct sockaddr_in address; /* our socket */
    enum vr_coming coming;
    const char *resume; /* the token; NULL: for a join */
    vr_seated seated;
    void *ctx;
};

/** What the member's own speech is called. */
static inline uint32_t vr_seat_ssrc(const struct vr_seat *seat)
{
    return 100000 + seat->number;
}

struct vr_driver_conf {
    const char *urls[VR_BENCH_URLS_MAX]; /* base addresses, or a socket's path */
    uint32_t url_count;
    const char *key_file;     /* voiceroomd: admin-key.json */
    const char *capabilities; /* voiceroomd: words with commas, for listeners */
};

/** What the server itself has counted since its start. */
struct vr_served {
    double forwarded;  /* packets of speech to listeners */
    double segments;   /* of these, in segmented datagrams */
    double bursts;     /* such datagrams */
    double received;   /* datagrams of any kind */
    double changes;    /* of who holds a slot */
    double not_chosen; /* of what was received, speech left out since its speaker has no slot */
};

struct vr_driver {
    const char *name;
    const char *profiles; /* SRTP profiles offered to this server */
    uint32_t overhead;    /* bytes around an Opus frame in its datagrams: for the floor */
    uint32_t slots;       /* speakers that a listener hears at once; 0: all */
    bool mixes;           /* sends one mixed stream: frames are not the speakers' */
    uint32_t window;      /* joins in flight that it takes */
    void *(*open)(const struct vr_driver_conf *conf); /* NULL with a line on stderr */
    bool (*room)(void *state, uint32_t number, char name[VR_BENCH_ROOM_MAX]); /* may block */
    void (*join)(void *state, struct vr_seat *seat); /* answers by seat->seated, once */
    void (*leave)(void *state, struct vr_seat *seat,
                  const struct vr_remote *remote);      /* may be NULL */
    bool (*counts)(void *state, struct vr_served *out); /* of all nodes; blocks; may be NULL */
    void (*turn)(void *state);
    void (*close)(void *state);
};

/** NULL: unknown. */
const struct vr_driver *vr_driver_find(const char *name);

#endif
