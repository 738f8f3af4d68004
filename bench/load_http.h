/* load_http.h - what the load client asks of a server by REST: rooms, joins, leaving. libcurl,
 * blocking, one kept connection. */
#ifndef VR_BENCH_LOAD_HTTP_H
#define VR_BENCH_LOAD_HTTP_H

#include <stdbool.h>

#include "actors/wire/jwt.h"
#include "bench/rig/driver.h"

struct load_http;

/** `key_file`: admin-key.json. NULL, with a line on stderr, when it cannot be read. */
struct load_http *load_http_new(const char *url, const char *key_file);
void load_http_free(struct load_http *http);

/** Creates a room as user "load-host"; its id in `room`. */
bool load_http_room(struct load_http *http, const char *title, char room[27]);
/** One more identity joins in a role. Milliseconds of the request in `ms`. */
bool load_http_join(struct load_http *http, const char *room, const char *user, enum vr_role role,
                    const char *offer, struct vr_remote *answer, double *ms);

#endif
