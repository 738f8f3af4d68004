/* world.c - nodes and rooms of one seed, and its way: gather, suffer, heal, be looked at. */
#include "cluster/simulate/simulate.h"

#include <signal.h>
#include <unistd.h>

#define STEP VR_MS(40)
#define SUFFER VR_SECONDS(600)
#define CONVERGE VR_SECONDS(10)

static struct world *running; /* for the handler of a failed assertion, and the log's sink */

static void say(struct world *world, const char *text)
{
    char *line = world->said[world->said_count++ % TOLD];
    vr_time_us since = world->kit == NULL ? 0 : now_of(world) - VR_SECONDS(1000);

    snprintf(line, sizeof(world->said[0]), "[%4lld.%03lld] %s", (long long)(since / 1000000),
             (long long)(since / 1000 % 1000), text);
    if (world->trace) {
        printf("%s\n", line);
    }
}

void tell(struct world *world, const char *format, ...)
{
    char text[190];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    say(world, text);
}

static void print_end(const struct world *world)
{
    uint64_t first = world->said_count > 40 ? world->said_count - 40 : 0;

    for (uint64_t i = first; i < world->said_count && !world->trace; i++) {
        fprintf(stderr, "  %s\n", world->said[i % TOLD]);
    }
    fprintf(stderr, "  again: simulate_main --seed %llu --trace\n",
            (unsigned long long)world->seed);
}

void broken(struct world *world, const char *format, ...)
{
    char text[160];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    tell(world, "BROKEN: %s", text);
    if (!world->failed) {
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)world->seed, text);
        print_end(world);
    }
    world->failed = true;
}

static void on_abort(int signal)
{
    (void)signal;
    if (running != NULL) {
        /* The one thread that runs here raised it itself, in vr_assert and not inside stdio. */
        // NOLINTNEXTLINE(bugprone-signal-handler,cert-sig30-c)
        fprintf(stderr, "seed %llu: an assertion failed\n", (unsigned long long)running->seed);
        print_end(running);
    }
    _exit(1);
}

/* What nodes log tells the story, and that a room was taken without anyone in sync. */
static void on_log(void *ctx, const char *line, size_t size)
{
    struct world *world = running;
    const char *message = strstr(line, "\"msg\":\"");
    char id[VR_ID_TEXT];

    (void)ctx;
    (void)size;
    if (world == NULL || message == NULL) {
        return;
    }
    if (strncmp(message, "\"msg\":\"act\"", 11) != 0) {
        tell(world, "    %.*s", (int)strcspn(message, "\n"), message);
    }
    if (strstr(message, "room taken without anyone in sync") == NULL) {
        return;
    }
    for (uint32_t r = 0; r < ROOMS; r++) {
        if (strstr(message, vr_id_format(world->places[r].id, id)) != NULL) {
            world->places[r].lost_both = true;
        }
    }
}

vr_time_us now_of(const struct world *world)
{
    return vr_sim_now(world->kit->sim);
}

uint64_t draw(struct world *world, uint64_t below)
{
    return vr_random_below(vr_sim_random(world->kit->sim), below);
}

vr_time_us draw_time(struct world *world, vr_time_us min, vr_time_us max)
{
    return min + (vr_time_us)draw(world, (uint64_t)(max - min) + 1);
}

bool is_up(const struct world *world, uint32_t node)
{
    return node != 0 && world->kit->nodes[node].cluster != NULL &&
           !vr_sim_paused(world->kit->nodes[node].sim);
}

bool is_joined(const struct world *world, uint32_t node)
{
    return is_up(world, node) && ck_is_in(world->kit, node);
}

uint32_t any_node(struct world *world)
{
    uint32_t first = (uint32_t)draw(world, world->kit->count);

    for (uint32_t i = 0; i < world->kit->count; i++) {
        uint32_t node = 1 + (first + i) % world->kit->count;

        if (is_joined(world, node)) {
            return node;
        }
    }
    for (uint32_t i = 0; i < world->kit->count; i++) { /* better than none */
        uint32_t node = 1 + (first + i) % world->kit->count;

        if (is_up(world, node)) {
            return node;
        }
    }
    return 0;
}

static void one_step(struct world *world)
{
    people_turn(world);
    steward_turn(world);
    keeper_turn(world);
    faults_turn(world);
    ck_run(world->kit, STEP);
    check_turn(world);
}

static bool gather(struct world *world)
{
    struct ck_answer answer;

    if (!ck_until(world->kit, ck_all_joined, VR_SECONDS(20))) {
        broken(world, "the nodes did not find each other");
        return false;
    }
    if (world->etcd_restores) {
        keeper_init(world);
    }
    for (uint32_t r = 0; r < ROOMS; r++) {
        uint32_t at = any_node(world);

        if (ck_tell(world->kit, at, world->places[r].id,
                    ck_create(world->kit, world->people[r][0].user, "a room"), &answer) != VR_OK) {
            broken(world, "room %u was not made: %s", r, vr_err_code(answer.err));
            return false;
        }
        world->places[r].made = true;
    }
    if (world->restores) {
        steward_init(world);
    }
    return !world->failed;
}

static void converge(struct world *world)
{
    vr_time_us begun = now_of(world);
    char why[160] = "";

    while (!world->failed && !check_converged(world, why, sizeof(why))) {
        if (now_of(world) > begun + CONVERGE) {
            broken(world, "not one state 10 s after the faults stopped: %s", why);
            return;
        }
        one_step(world);
    }
    if (now_of(world) - begun > world->tally->converged_max) {
        world->tally->converged_max = now_of(world) - begun;
    }
}

static void live(struct world *world)
{
    vr_time_us begun = now_of(world);

    if (!gather(world)) {
        return;
    }
    world->until = begun + SUFFER;
    faults_draw(world);
    while (!world->failed && (now_of(world) < world->until || keeper_is_busy(world))) {
        one_step(world);
    }
    if (world->failed) {
        return;
    }
    tell(world, "the faults stop");
    world->healing = true;
    faults_stop(world);
    converge(world);
    if (!world->failed) {
        check_end(world);
    }
    if (!world->failed) {
        steward_check_end(world);
    }
    world->tally->simulated_us += (uint64_t)(now_of(world) - begun);
}

bool simulate(uint64_t seed, const struct manner *manner, struct tally *tally)
{
    struct world *world = calloc(1, sizeof(*world));
    bool fine;

    vr_assert(world != NULL);
    world->seed = seed;
    world->trace = manner->trace;
    world->mask = manner->mask;
    world->restores = manner->restores;
    world->etcd_restores = manner->etcd_restores;
    world->tally = tally;
    running = world;
    signal(SIGABRT, on_abort);
    vr_log_set_sink(on_log, NULL);
    world->kit = ck_new_nodes(seed, 3 + (uint32_t)(seed % 5));
    world->kit->session = people_session();
    world->kit->idle = VR_SECONDS(3600);
    world->kit->grace = VR_SECONDS(3600);
    world->kit->host_grace = VR_SECONDS(7200);
    for (uint32_t r = 0; r < ROOMS; r++) {
        world->places[r].id = (struct vr_id){0x5eed0000 + seed, 1 + r};
    }
    people_init(world);
    for (uint32_t i = 1; i <= world->kit->count; i++) {
        ck_start(world->kit, i);
    }
    live(world);
    people_end(world);
    for (uint32_t r = 0; r < ROOMS; r++) {
        tally->acknowledged += world->places[r].acknowledged;
        tally->provisional += world->places[r].provisional;
    }
    tally->seeds++;
    running = NULL;
    ck_free(world->kit);
    steward_end(world);
    keeper_end(world);
    fine = !world->failed;
    free(world);
    return fine;
}
