/* faults.c - what goes wrong: drawn from the seed before anything runs, told how often in which
 * state of the node. Of what takes a node away from the others only one at a time, so that no
 * promise about the death of one node is asked of the death of two. */
#include "cluster/simulate/simulate.h"

static const char *const names[] = {
#define X(name, text) text,
    FAULT_MAP(X)
#undef X
};

const char *fault_name(enum fault_kind kind)
{
    return names[kind];
}

const char *fault_state_name(enum fault_state state)
{
    static const char *const texts[] = {"owner", "partner", "other", "frozen"};

    return texts[state];
}

static bool takes_a_node(enum fault_kind kind)
{
    return kind == FAULT_CRASH || kind == FAULT_PAUSE || kind == FAULT_CUT ||
           kind == FAULT_ONE_WAY || kind == FAULT_ISOLATE || kind == FAULT_DISK ||
           kind == FAULT_ETCD_CUT || kind == FAULT_ETCD_LEASE || kind == FAULT_UNHEARD ||
           kind == FAULT_TAKE;
}

static vr_time_us length_of(struct world *world, enum fault_kind kind)
{
    switch (kind) {
    case FAULT_CRASH:
        return draw_time(world, VR_MS(200), VR_SECONDS(20));
    case FAULT_PAUSE:
        return draw_time(world, VR_SECONDS(1), VR_SECONDS(25));
    case FAULT_CUT:
    case FAULT_ONE_WAY:
    case FAULT_ISOLATE:
    case FAULT_ETCD_CUT:
        return draw_time(world, VR_SECONDS(1), VR_SECONDS(30));
    case FAULT_NOISE:
    case FAULT_SLOW:
    case FAULT_ETCD_TIMEOUTS:
    case FAULT_ETCD_SILENT:
        return draw_time(world, VR_SECONDS(10), VR_SECONDS(60));
    case FAULT_ETCD_QUORUM:
        return draw_time(world, VR_SECONDS(2), VR_SECONDS(40));
    case FAULT_DISK:
        return draw_time(world, VR_SECONDS(1), VR_SECONDS(4));
    case FAULT_UNHEARD:
    case FAULT_TAKE: /* long enough that somebody else takes its rooms */
        return draw_time(world, VR_SECONDS(10), VR_SECONDS(25));
    case FAULT_CLOCK:
    case FAULT_ETCD_LEADER:
    case FAULT_ETCD_LEASE:
    case FAULT_KINDS:
        break;
    }
    return VR_SECONDS(1);
}

void faults_draw(struct world *world)
{
    vr_time_us begun = now_of(world) + VR_SECONDS(20);
    uint32_t want = 12 + (uint32_t)draw(world, 8);
    vr_time_us each = (world->until - begun - VR_SECONDS(30)) / want;
    vr_time_us taken_until = 0;

    for (uint32_t i = 0; i < want && world->mask != 0; i++) {
        struct fault *fault = &world->faults[world->fault_count++];

        do {
            fault->kind = (enum fault_kind)draw(world, FAULT_KINDS);
        } while ((world->mask & (1u << fault->kind)) == 0);
        fault->at = begun + each * i + draw_time(world, 0, each / 2);
        if (takes_a_node(fault->kind) && fault->at < taken_until) {
            fault->at = taken_until;
        }
        fault->until = fault->at + length_of(world, fault->kind);
        if (takes_a_node(fault->kind)) { /* who was away must be in sync again before the next */
            taken_until = fault->until + VR_SECONDS(12);
        }
    }
}

static enum fault_state state_of(struct world *world, uint32_t node, uint32_t room)
{
    struct ck *kit = world->kit;
    struct vr_cluster_owner owner = {0};

    if (kit->nodes[node].cluster == NULL || !ck_is_in(kit, node)) {
        return STATE_FROZEN;
    }
    (void)vr_cluster_owner(kit->nodes[node].cluster, world->places[room].id, &owner);
    return owner.node == node ? STATE_OWNER : owner.in_sync == node ? STATE_PARTNER : STATE_OTHER;
}

/* In a state that the seed wants, as seen of one room. */
static uint32_t choose(struct world *world, enum fault_state *state)
{
    uint32_t room = (uint32_t)draw(world, ROOMS);
    enum fault_state wanted = (enum fault_state)draw(world, 3);
    uint32_t first = (uint32_t)draw(world, world->kit->count);
    uint32_t node = 0;

    for (uint32_t i = 0; i < world->kit->count; i++) {
        uint32_t next = 1 + (first + i) % world->kit->count;

        if (!is_up(world, next)) {
            continue;
        }
        if (node == 0 || state_of(world, next, room) == wanted) {
            node = next;
            *state = state_of(world, next, room);
            if (*state == wanted) {
                break;
            }
        }
    }
    return node;
}

static void isolate(struct world *world, uint32_t node, bool cut)
{
    for (uint32_t i = 1; i <= world->kit->count; i++) {
        if (i != node) {
            vr_sim_cut(world->kit->nodes[node].sim, world->kit->nodes[i].sim, cut);
        }
    }
}

static void crash(struct world *world, uint32_t node)
{
    world->lives[node]++;
    ck_crash(world->kit, node);
}

static void hit(struct world *world, struct fault *fault)
{
    struct ck *kit = world->kit;
    struct vr_sim_node *sim = kit->nodes[fault->node].sim;

    switch (fault->kind) {
    case FAULT_CRASH:
        crash(world, fault->node);
        break;
    case FAULT_UNHEARD: /* what it answers now nobody else knows: it must not answer */
        isolate(world, fault->node, true);
        fault->crash_at = now_of(world) + draw_time(world, VR_MS(120), VR_MS(700));
        break;
    case FAULT_TAKE: /* several want the same rooms, and late writes land among theirs */
        vr_kv_model_set_timeouts(kit->etcd, 300);
        crash(world, fault->node);
        break;
    case FAULT_PAUSE:
        vr_sim_pause(sim, true);
        break;
    case FAULT_CUT:
        vr_sim_cut(sim, kit->nodes[fault->other].sim, true);
        break;
    case FAULT_ONE_WAY:
        vr_sim_cut_way(sim, kit->nodes[fault->other].sim, true);
        break;
    case FAULT_ISOLATE:
        isolate(world, fault->node, true);
        vr_kv_model_cut(kit->etcd, sim, true, true);
        break;
    case FAULT_NOISE:
        vr_sim_set_faults(kit->sim, &(struct vr_sim_faults){.doubled = 60, .overtaken = 60});
        break;
    case FAULT_SLOW:
        vr_sim_set_delays(kit->sim,
                          &(struct vr_sim_delays){VR_MS(5), VR_MS(60), VR_MS(5), VR_MS(80)});
        break;
    case FAULT_DISK:
        vr_sim_fail_commits(sim, 1000000, VR_E_FULL);
        break;
    case FAULT_CLOCK:
        vr_sim_jump_wall(sim, draw_time(world, -VR_SECONDS(600), VR_SECONDS(600)));
        break;
    case FAULT_ETCD_TIMEOUTS:
        vr_kv_model_set_timeouts(kit->etcd, 30 + (uint32_t)draw(world, 170));
        break;
    case FAULT_ETCD_LEADER:
        vr_kv_model_change_leader(kit->etcd);
        break;
    case FAULT_ETCD_QUORUM:
        vr_kv_model_set_quorum(kit->etcd, false);
        break;
    case FAULT_ETCD_SILENT:
        vr_kv_model_silence(kit->etcd, sim, true);
        break;
    case FAULT_ETCD_CUT:
        vr_kv_model_cut(kit->etcd, sim, draw(world, 2) == 0, true);
        break;
    case FAULT_ETCD_LEASE:
        vr_kv_model_revoke(kit->etcd, sim, true);
        world->praised_till = now_of(world) + VR_SECONDS(6);
        break;
    case FAULT_KINDS:
        break;
    }
}

static void begin(struct world *world, struct fault *fault)
{
    struct ck *kit = world->kit;
    enum fault_state state = STATE_OTHER;

    fault->begun = true;
    fault->node = choose(world, &state);
    if (fault->node == 0) {
        fault->ended = true;
        return;
    }
    fault->other = 1 + (fault->node + (uint32_t)draw(world, kit->count - 1)) % kit->count;
    tell(world, "*** %s: node %u (%s), for %lld ms", fault_name(fault->kind), fault->node,
         fault_state_name(state), (long long)((fault->until - fault->at) / 1000));
    world->tally->faults[fault->kind][state]++;
    hit(world, fault);
}

static void end(struct world *world, struct fault *fault)
{
    static const struct vr_sim_delays delays = {200, 2000, 1000, 8000};
    struct ck *kit = world->kit;
    struct vr_sim_node *sim = kit->nodes[fault->node].sim;

    fault->ended = true;
    switch (fault->kind) {
    case FAULT_UNHEARD:
        isolate(world, fault->node, false);
        if (fault->crash_at == VR_NEVER) {
            ck_start(kit, fault->node);
        }
        break;
    case FAULT_TAKE:
        vr_kv_model_set_timeouts(kit->etcd, 0);
        ck_start(kit, fault->node);
        break;
    case FAULT_CRASH:
        tell(world, "*** node %u starts again", fault->node);
        ck_start(kit, fault->node);
        break;
    case FAULT_PAUSE:
        tell(world, "*** node %u goes on", fault->node);
        vr_sim_pause(sim, false);
        break;
    case FAULT_CUT:
        vr_sim_cut(sim, kit->nodes[fault->other].sim, false);
        break;
    case FAULT_ONE_WAY:
        vr_sim_cut_way(sim, kit->nodes[fault->other].sim, false);
        break;
    case FAULT_ISOLATE:
        isolate(world, fault->node, false);
        vr_kv_model_cut(kit->etcd, sim, false, false);
        break;
    case FAULT_NOISE:
        vr_sim_set_faults(kit->sim, &(struct vr_sim_faults){0});
        break;
    case FAULT_SLOW:
        vr_sim_set_delays(kit->sim, &delays);
        break;
    case FAULT_DISK:
        vr_sim_fail_commits(sim, 0, VR_OK);
        break;
    case FAULT_ETCD_TIMEOUTS:
        vr_kv_model_set_timeouts(kit->etcd, 0);
        break;
    case FAULT_ETCD_QUORUM:
        vr_kv_model_set_quorum(kit->etcd, true);
        break;
    case FAULT_ETCD_SILENT:
        vr_kv_model_silence(kit->etcd, sim, false);
        break;
    case FAULT_ETCD_CUT:
        vr_kv_model_cut(kit->etcd, sim, false, false);
        break;
    case FAULT_CLOCK:
    case FAULT_ETCD_LEADER:
    case FAULT_ETCD_LEASE:
    case FAULT_KINDS:
        return;
    }
    tell(world, "*** over: %s, node %u", fault_name(fault->kind), fault->node);
}

static bool hinders(const struct fault *fault, uint32_t owner, uint32_t node)
{
    bool at_one = fault->node == owner || fault->node == node;

    switch (fault->kind) {
    case FAULT_CUT:
    case FAULT_ONE_WAY:
        return at_one && (fault->other == owner || fault->other == node);
    case FAULT_CRASH:
    case FAULT_PAUSE:
    case FAULT_ISOLATE:
    case FAULT_DISK:
    case FAULT_UNHEARD:
        return at_one;
    case FAULT_TAKE: /* every owner that lost its partner waits for an etcd that seldom answers */
        return true;
    case FAULT_NOISE:
    case FAULT_SLOW:
    case FAULT_CLOCK:
    case FAULT_ETCD_TIMEOUTS:
    case FAULT_ETCD_LEADER:
    case FAULT_ETCD_QUORUM:
    case FAULT_ETCD_SILENT: /* others tell it that it is behind */
    case FAULT_ETCD_CUT:
    case FAULT_ETCD_LEASE:
    case FAULT_KINDS:
        break;
    }
    return false;
}

bool faults_spare(const struct world *world, uint32_t owner, uint32_t node)
{
    for (uint32_t i = 0; i < world->fault_count; i++) {
        const struct fault *fault = &world->faults[i];

        if (fault->begun && !fault->ended && hinders(fault, owner, node)) {
            return false;
        }
    }
    return true;
}

void faults_turn(struct world *world)
{
    for (uint32_t i = 0; i < world->fault_count; i++) {
        struct fault *fault = &world->faults[i];

        if (!fault->begun && now_of(world) >= fault->at && !world->healing) {
            begin(world, fault);
        }
        if (fault->kind == FAULT_UNHEARD && fault->begun && !fault->ended &&
            now_of(world) >= fault->crash_at) {
            fault->crash_at = VR_NEVER;
            tell(world, "*** node %u is killed, unheard", fault->node);
            crash(world, fault->node);
        }
        if (fault->begun && !fault->ended && now_of(world) >= fault->until) {
            end(world, fault);
        }
    }
}

void faults_stop(struct world *world)
{
    for (uint32_t i = 0; i < world->fault_count; i++) {
        if (world->faults[i].begun && !world->faults[i].ended) {
            end(world, &world->faults[i]);
        }
        world->faults[i].begun = world->faults[i].ended = true;
    }
}
