#include "tools/ctl/relay_try.h"

#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actors/base/clock.h"
#include "actors/base/random.h"
#include "tools/ctl/http_stream.h"

#define PATIENCE VR_SECONDS(4) /* of an exchange */
#define AGAIN VR_MS(500)       /* a datagram may be lost */
#define ROUNDS 3               /* refused for want of a realm, for an old nonce, granted */

/** One of the two. */
struct line {
    int fd; /* of datagrams; -1 */
    struct vr_ctl_stream *stream;
};

static vr_time_us now(void)
{
    return vr_clock_system()->now(vr_clock_system()->ctx);
}

/* --- one question, one answer --- */

static bool datagram_wait(int fd, vr_time_us until)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    vr_time_us left = until - now();

    return left > 0 && poll(&one, 1, (int)(left / VR_MS(1)) + 1) > 0;
}

static bool by_datagrams(const struct line *line, struct vr_relay_talk *talk,
                         struct vr_bytes question, struct vr_relay_answer *answer)
{
    vr_time_us until = now() + PATIENCE;

    while (now() < until) {
        vr_time_us next = now() + AGAIN;

        if (send(line->fd, question.data, question.size, 0) < 0) {
            return false; /* nobody listens there, and the network has said so */
        }
        while (datagram_wait(line->fd, next < until ? next : until)) {
            uint8_t in[VR_RELAY_MESSAGE_MAX];
            ssize_t size = recv(line->fd, in, sizeof(in), 0);

            if (size < 0) {
                return false;
            }
            if (vr_relay_read(talk, vr_bytes(in, (size_t)size), answer) == VR_OK) {
                return true;
            }
        }
    }
    return false;
}

static bool by_stream(const struct line *line, struct vr_relay_talk *talk, struct vr_bytes question,
                      struct vr_relay_answer *answer)
{
    vr_time_us until = now() + PATIENCE;
    struct vr_buf in = {0};
    bool fine = vr_ctl_stream_send(line->stream, question, until);

    while (fine) {
        size_t size = vr_relay_message_size(vr_buf_bytes(&in));

        if (size > 0 && in.size >= size) {
            fine = vr_relay_read(talk, vr_bytes(in.data, size), answer) == VR_OK;
            break;
        }
        fine = in.size < VR_RELAY_MESSAGE_MAX && (in.size < VR_RELAY_HEADER || size > 0) &&
               vr_ctl_stream_receive(line->stream, &in, until);
    }
    vr_buf_deinit(&in);
    return fine;
}

static bool exchange(const struct line *line, struct vr_relay_talk *talk,
                     enum vr_relay_question question, struct vr_relay_answer *answer)
{
    struct vr_id id = vr_random_id(vr_random_system());
    struct vr_buf text = {0};
    bool fine = false;

    _Static_assert(sizeof(id) >= VR_RELAY_TRANSACTION, "random enough for a transaction");
    if (vr_relay_ask(talk, question, (const uint8_t *)&id, &text) == VR_OK) {
        fine = line->stream != NULL ? by_stream(line, talk, vr_buf_bytes(&text), answer)
                                    : by_datagrams(line, talk, vr_buf_bytes(&text), answer);
    }
    vr_buf_deinit(&text);
    return fine;
}

/* --- the whole --- */

static void talk_over(const struct line *line, const struct vr_relay_try *what,
                      struct vr_relay_found *found)
{
    struct vr_relay_talk talk = {.username = what->username, .credential = what->credential};
    enum vr_relay_question question = what->url->relays ? VR_RELAY_ALLOCATE : VR_RELAY_BINDING;
    struct vr_relay_answer answer = {.granted = false};
    vr_time_us started = now();
    bool answered = false;
    bool again = true;

    for (int round = 0; round < ROUNDS && again; round++) {
        answered = exchange(line, &talk, question, &answer);
        again = answered && !answer.granted && talk.realm[0] != '\0' &&
                (answer.code == 438 || (answer.code == 401 && round == 0));
    }
    found->ms = (double)(now() - started) / 1000;
    found->good = answered && answer.granted;
    if (!answered) {
        snprintf(found->detail, sizeof(found->detail), "no answer of a STUN server");
    } else if (!answer.granted) {
        snprintf(found->detail, sizeof(found->detail), "refused: %d %s%s", answer.code,
                 answer.reason,
                 answer.code == 401 ? " (another secret than the node's, or another clock)" : "");
    } else if (what->url->relays) {
        snprintf(found->detail, sizeof(found->detail), "it allocates, at %s", answer.address);
        (void)exchange(line, &talk, VR_RELAY_REFRESH, &answer);
    } else {
        snprintf(found->detail, sizeof(found->detail), "it answers");
    }
}

static void try_datagrams(const struct vr_relay_try *what, struct vr_relay_found *found)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    struct addrinfo *list = NULL;
    int failed = getaddrinfo(what->url->host, what->url->port, &hints, &list);

    snprintf(found->detail, sizeof(found->detail), "%s",
             failed != 0 ? gai_strerror(failed) : "there is no way to it from here");
    for (const struct addrinfo *at = list; at != NULL && !found->good; at = at->ai_next) {
        struct line line = {.fd = socket(at->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)};

        if (line.fd >= 0 && connect(line.fd, at->ai_addr, at->ai_addrlen) == 0) {
            talk_over(&line, what, found);
        }
        if (line.fd >= 0) {
            close(line.fd);
        }
    }
    if (list != NULL) {
        freeaddrinfo(list);
    }
}

void vr_relay_try(const struct vr_relay_try *what, struct vr_relay_found *found)
{
    struct vr_why why = {0};
    struct line line = {.fd = -1};

    *found = (struct vr_relay_found){.good = false};
    if (what->url->way == VR_RELAY_UDP) {
        try_datagrams(what, found);
        return;
    }
    line.stream = vr_ctl_stream_open(what->url->host, what->url->port,
                                     what->url->way == VR_RELAY_TLS, what->ca_file, PATIENCE, &why);
    if (line.stream == NULL) {
        snprintf(found->detail, sizeof(found->detail), "%s", why.text);
        return;
    }
    talk_over(&line, what, found);
    vr_ctl_stream_close(line.stream);
}
