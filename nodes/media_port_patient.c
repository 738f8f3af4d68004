/* media_port_patient.c - the second sockets of a media port at work: read in bunches, or polled. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "nodes/media_patient.h"
#include "nodes/media_port_internal.h"

static void on_patient_readable(uv_poll_t *poll, int status, int events)
{
    struct socket_in *in = VR_OWNER(poll, struct socket_in, poll);

    (void)status;
    (void)events;
    in->port->patient_readable = true; /* read before the next wait */
}

static void poll_start(struct socket_in *in)
{
    in->polled = uv_poll_start(&in->poll, UV_READABLE, on_patient_readable) == 0;
}

void media_patients_init(struct vr_media_port *port)
{
    for (uint32_t i = 0; i < VR_CANDIDATES_MAX; i++) {
        port->patients[i] = (struct socket_in){.port = port, .index = i, .fd = -1, .patient = true};
    }
}

static bool open_one(struct socket_in *in)
{
    in->fd = vr_media_patient_open(in->port->sockets[in->index].fd);
    if (in->fd < 0) {
        return false;
    }
    media_socket_ready(in->fd);
    in->open = uv_poll_init(in->port->loop, &in->poll, in->fd) == 0;
    if (!in->open) { /* nobody would read what the kernel sorts there */
        close(in->fd);
        in->fd = -1;
        return false;
    }
    poll_start(in);
    return true;
}

void media_patients_open(struct vr_media_port *port)
{
    for (uint32_t i = 0; i < port->socket_count; i++) {
        if (!open_one(&port->patients[i])) {
            vr_log(VR_LOG_INFO, "no second socket for what is not urgent: all is read at once",
                   VR_S("why", strerror(errno)));
            return; /* the others would be refused as well */
        }
        stat_add(&port->stats.patient_sockets, 1);
    }
}

vr_time_us media_patients_waited(struct vr_media_port *port, uint32_t at, vr_time_us now)
{
    vr_time_us waited = port->patience.waits ? stamp_age(&port->kept->in[at].msg_hdr) : 0;
    vr_time_us longest = now - port->patience.read_at;

    return waited < 0 ? 0 : waited > longest ? longest : waited;
}

/* `left`: of one of them more is there than may be read in one go. */
static uint32_t patients_read(struct vr_media_port *port, vr_time_us now, bool *left)
{
    uint32_t sum = 0;

    *left = false;

    for (uint32_t i = 0; i < port->socket_count; i++) {
        if (port->patients[i].open) {
            uint32_t count = media_in_read(port, &port->patients[i], now);

            sum += count;
            *left = *left || count == READ_MAX;
        }
    }
    vr_engine_waited(port->engine, 0);
    media_in_stamps(port, port->fresh_until != 0); /* as the others want them */
    return sum;
}

void media_patients_turn(struct vr_media_port *port, vr_time_us now)
{
    bool settled = vr_engine_settled(port->engine, now);

    if (vr_patience_is_due(&port->patience, now, port->patient_readable, settled)) {
        bool left;
        uint32_t count;

        port->patient_readable = false;
        count = patients_read(port, now, &left);
        /* What is left is polled: a flood or a backlog would else outgrow the buffer meanwhile. */
        vr_patience_read(&port->patience, now, count, settled && !left);
    }
    for (uint32_t i = 0; i < port->socket_count; i++) {
        struct socket_in *in = &port->patients[i];

        if (in->open && in->polled && port->patience.waits) {
            uv_poll_stop(&in->poll);
            in->polled = false;
        } else if (in->open && !in->polled && !port->patience.waits) {
            poll_start(in);
        }
    }
}

void media_patients_close(struct vr_media_port *port)
{
    for (uint32_t i = 0; i < port->socket_count; i++) {
        if (port->patients[i].open) {
            uv_close((uv_handle_t *)&port->patients[i].poll, NULL);
        }
    }
}

void media_patients_free(struct vr_media_port *port)
{
    for (uint32_t i = 0; i < port->socket_count; i++) {
        if (port->patients[i].fd >= 0) {
            close(port->patients[i].fd);
        }
    }
}
