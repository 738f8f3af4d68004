/* node_keep.c - the memory that a parent keeps for its node, cut into parts for the media workers
 * (actors/media/keep.h). Without a parent, or without the memory, everything ends with the process.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/base/log.h"
#include "actors/media/keep.h"
#include "cluster/link.h"
#include "nodes/inherit.h"
#include "nodes/metrics_text.h"
#include "nodes/node_internal.h"

#define BOOT_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_TEXT 36

/** The machine's boot. Where the service may not read it there is none to tell apart: a memory
 * without a file behind it does not outlive one. */
static struct vr_id boot_id(void)
{
    char text[BOOT_TEXT + 1] = "";
    char hex[33] = "";
    size_t size = 0;
    struct vr_id id = {0, 1};
    int fd = open(BOOT_FILE, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return id;
    }
    if (read(fd, text, BOOT_TEXT) == BOOT_TEXT) {
        for (const char *at = text; *at != 0 && size < sizeof(hex) - 1; at++) {
            if (*at != '-') {
                hex[size++] = *at;
            }
        }
        id.hi = strtoull(hex + 16, NULL, 16);
        hex[16] = 0;
        id.lo = strtoull(hex, NULL, 16);
    }
    close(fd);
    return id;
}

#define PAGE ((size_t)4096)

static size_t whole_pages(size_t size)
{
    return (size + PAGE - 1) / PAGE * PAGE;
}

/** Where the part of the speech links begins: behind that of the engines. */
static size_t links_at(const struct vr_node *node)
{
    return whole_pages(vr_keep_size(node->media_count, NODE_PEERS_MAX));
}

size_t vr_node_memory_size(const struct vr_config *config)
{
    struct vr_node *node = calloc(1, sizeof(*node));
    size_t size = 0;

    if (node != NULL) {
        node->config = config;
        node_counts_decide(node);
        size = links_at(node);
        if (config->cluster_etcd.count > 0) {
            size += whole_pages(vr_links_keep_size(node->media_count));
        }
    }
    free(node);
    return size;
}

/** Speech to and from other nodes goes on under the keys of before; or the memory for it begins. */
static void links_keep(struct vr_node *node, bool goes_on)
{
    const struct vr_inherit *inherit = node->config->inherit;
    size_t at = links_at(node);

    if (node->links == NULL || inherit->memory_size <= at) {
        return;
    }
    node->kept_links = vr_links_keep(node->links, (uint8_t *)inherit->memory + at,
                                     inherit->memory_size - at, goes_on);
    if (node->kept_links > 0) {
        vr_log(VR_LOG_INFO, "speech links go on over a restart", VR_U("nodes", node->kept_links));
    }
}

void node_keep_open(struct vr_node *node)
{
    static const char *const words[] = {
        [VR_KEEP_NEW] = "new",
        [VR_KEEP_GOES_ON] = "goes on",
        [VR_KEEP_OTHER] = "of another layout: empty",
        [VR_KEEP_OTHER_BOOT] = "of another boot: empty",
        [VR_KEEP_DAMAGED] = "damaged: empty",
        [VR_KEEP_EMPTIED] = "emptied",
    };
    const struct vr_inherit *inherit = node->config->inherit;
    enum vr_keep_found found = VR_KEEP_NEW;

    if (inherit == NULL || inherit->memory == NULL) {
        return;
    }
    const struct vr_keep_conf conf = {.memory = inherit->memory,
                                      .size = inherit->memory_size,
                                      .workers = node->media_count,
                                      .peers_max = NODE_PEERS_MAX,
                                      .boot = boot_id()};

    if (vr_keep_open(&conf, &node->keep, &found) != VR_OK) {
        vr_log(VR_LOG_WARN, "the kept memory can't be used: a death will be heard");
        return;
    }
    if (found == VR_KEEP_GOES_ON && node->cluster != NULL) {
        vr_cluster_goes_on(node->cluster); /* with people or without: its place is the same */
    }
    vr_log(found == VR_KEEP_NEW || found == VR_KEEP_GOES_ON ? VR_LOG_INFO : VR_LOG_WARN,
           "memory of the parent", VR_S("it", words[found]));
    links_keep(node, found == VR_KEEP_GOES_ON);
}

void node_keep_tell(struct vr_node *node)
{
    struct vr_keep_restored sum = {0};

    for (uint32_t i = 0; node->keep != NULL && i < node->media_count; i++) {
        struct vr_keep_restored one;

        vr_keep_restored(node->keep, i, &one);
        sum.peers += one.peers;
        sum.joining += one.joining;
        sum.torn += one.torn;
        sum.blamed += one.blamed;
        sum.shards += one.shards;
    }
    node->restored = sum;
    if (sum.peers + sum.joining + sum.torn + sum.blamed + sum.shards > 0) {
        vr_log(VR_LOG_INFO, "transports go on over a restart", VR_U("peers", sum.peers),
               VR_U("joining", sum.joining), VR_U("torn", sum.torn), VR_U("blamed", sum.blamed),
               VR_U("shards", sum.shards));
    }
}

void vr_node_kept_metrics_write(const struct vr_node *node, struct vr_buf *out)
{
    const struct vr_keep_restored *found = &node->restored;

    metrics_head(
        out, "kept_peers", "gauge",
        "Media transports that this process found kept, by what became of them; torn: also records "
        "of gates and rooms.");
    vr_buf_printf(out,
                  "voiceroom_kept_peers{outcome=\"goes_on\"} %u\n"
                  "voiceroom_kept_peers{outcome=\"joining\"} %u\n"
                  "voiceroom_kept_peers{outcome=\"torn\"} %u\n"
                  "voiceroom_kept_peers{outcome=\"blamed\"} %u\n",
                  found->peers, found->joining, found->torn, found->blamed);
    if (node->cluster != NULL) {
        metrics_gauge(out, "kept_links",
                      "Other nodes to which this process found the keys of speech kept.",
                      node->kept_links);
    }
}
