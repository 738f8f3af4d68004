/* actor_trace.c - a command that is traced, as a span: from when the room looks at it to its
 * answer, and what it waited for meanwhile. */
#include <stdlib.h>

#include "actors/room/actor_state.h"

static vr_time_us clock_now(const struct room_actor *self)
{
    const struct vr_clock *clock = vr_system_clock(vr_actor_system(self->actor));

    return clock->now(clock->ctx); /* the turn's own time stands still */
}

struct vr_span *trace_begin(const struct room_actor *self, const struct vr_msg *asked)
{
    const struct vr_tracing *tracing = vr_system_tracing(vr_actor_system(self->actor));
    const struct vr_command *cmd = asked == NULL ? NULL : asked->as.command;
    struct vr_span *span;

    if (tracing == NULL || cmd == NULL || !vr_trace_on(&cmd->trace)) {
        return NULL;
    }
    span = malloc(sizeof(*span));
    if (span == NULL) {
        return NULL;
    }
    vr_span_below(tracing, &cmd->trace, clock_now(self), span);
    span->kind = VR_SPAN_SERVER;
    span->name = vr_command_name(cmd->kind);
    span->room = vr_actor_address(self->actor).id;
    if (cmd->traced_at != 0) {
        span->queue = span->begun < cmd->traced_at ? 0 : span->begun - cmd->traced_at;
    }
    return span;
}

void trace_gates(const struct room_actor *self, struct vr_span *span)
{
    if (span != NULL) {
        span->gates = clock_now(self) - span->begun;
    }
}

void trace_commit(const struct room_actor *self, struct vr_span *span)
{
    if (span != NULL) {
        span->commit = clock_now(self) - span->begun;
    }
}

void trace_end(const struct room_actor *self, struct vr_span **span, enum vr_err err)
{
    if (*span != NULL) {
        (*span)->err = err;
        vr_span_end(vr_system_tracing(vr_actor_system(self->actor)), *span, clock_now(self));
        free(*span);
        *span = NULL;
    }
}
