/* parent_about.c - what a node tells of the deaths before it: figures, and a word of /readyz. */
#include <inttypes.h>
#include <string.h>

#include "nodes/parent.h"

#define RECENT VR_SECONDS(600)

void vr_parent_metrics_write(const struct vr_inherit *inherit, struct vr_buf *out)
{
    const struct vr_parent_page *page = inherit == NULL ? NULL : inherit->page;

    vr_buf_printf(
        out,
        "# HELP voiceroom_node_deaths_total Deaths of the node's process, after which its "
        "parent started the next one.\n"
        "# TYPE voiceroom_node_deaths_total counter\n"
        "voiceroom_node_deaths_total %" PRIu64 "\n"
        "# HELP voiceroom_node_empty_starts_total Three deaths in ten seconds: it started "
        "without what it had kept.\n"
        "# TYPE voiceroom_node_empty_starts_total counter\n"
        "voiceroom_node_empty_starts_total %" PRIu64 "\n"
        "# HELP voiceroom_node_upgrades_total Programs that took over in place.\n"
        "# TYPE voiceroom_node_upgrades_total counter\n"
        "voiceroom_node_upgrades_total %" PRIu64 "\n",
        page == NULL ? 0 : (uint64_t)atomic_load(&page->deaths),
        page == NULL ? 0 : (uint64_t)atomic_load(&page->empty_starts),
        page == NULL ? 0 : (uint64_t)atomic_load(&page->upgrades));
}

const char *vr_parent_word(const struct vr_inherit *inherit)
{
    const struct vr_clock *clock = vr_clock_system();
    vr_time_us since = clock->now(clock->ctx) - RECENT;

    if (inherit == NULL) {
        return "alone";
    }
    if (atomic_load(&inherit->page->emptied_us) > since &&
        atomic_load(&inherit->page->empty_starts) > 0) {
        return "emptied";
    }
    return atomic_load(&inherit->page->deaths) > 0 && atomic_load(&inherit->page->died_us) > since
               ? "died"
               : "steady";
}

void vr_parent_upgrades(const struct vr_inherit *inherit, struct vr_parent_upgrades *out)
{
    const struct vr_parent_page *page = inherit == NULL ? NULL : inherit->page;

    *out = (struct vr_parent_upgrades){0};
    if (page == NULL) {
        return;
    }
    out->done = atomic_load(&page->upgrades);
    out->refused = atomic_load(&page->upgrades_refused);
    out->starts = atomic_load(&page->starts);
    memcpy(out->why, page->upgrade_why, sizeof(out->why));
    out->why[sizeof(out->why) - 1] = '\0';
}
