/* load_http.h - what the load client asks of a server by REST: rooms, joins, leaving. libcurl,
 * blocking, one kept connection. */
#ifndef VR_BENCH_LOAD_HTTP_H
#define VR_BENCH_LOAD_HTTP_H

#include <netinet/in.h>
#include <stdbool.h>

#include "actors/base/err.h"
#include "actors/wire/jwt.h"

struct load_http;

/** What a join answer says about the media. */
struct load_answer {
    struct sockaddr_in server; /* the first IPv4 candidate */
    char ufrag[64];
    char pwd[128];
    uint8_t fingerprint[32];
    char session[27];
};

/** `key_file`: admin-key.json. NULL, with a line on stderr, when it cannot be read. */
struct load_http *load_http_new(const char *url, const char *key_file);
void load_http_free(struct load_http *http);

/** Creates a room as user "load-host"; its id in `room`. */
bool load_http_room(struct load_http *http, const char *title, char room[27]);
/** One more identity joins. `speaker`: with the grant to speak. Milliseconds of the request in
 * `ms`. */
bool load_http_join(struct load_http *http, const char *room, const char *user, bool speaker,
                    const char *offer, struct load_answer *answer, double *ms);

#endif
