/* simulate_main.c - seeds one after another:
 *
 *     simulate_main SEEDS [FIRST]            that many, from this one on; 0 when all held
 *     simulate_main --seed N [--trace]       one, told like a story
 *     ... --restores                         and a steward, who deletes and restores a room
 *     ... --etcd-restores                    and etcd is restored from a snapshot, and adopted
 *     ... --faults crash,pause               only these; ... --until-broken: 0 when one broke */
#include "cluster/simulate/simulate.h"

#include <time.h>

struct options {
    uint64_t first, count;
    struct manner manner;
    bool until_broken;
};

static uint32_t mask_of(const char *list)
{
    char word[32];
    uint32_t mask = 0;

    while (*list != '\0') {
        size_t size = strcspn(list, ",");

        snprintf(word, sizeof(word), "%.*s", (int)size, list);
        list += size + (list[size] == ',' ? 1 : 0);
        for (int kind = 0; kind < FAULT_KINDS && word[0] != '\0'; kind++) {
            if (strstr(fault_name((enum fault_kind)kind), word) != NULL) {
                mask |= 1u << kind;
            }
        }
    }
    return mask;
}

static struct options read_options(int argc, char **argv)
{
    struct options options = {.first = 1, .count = 50, .manner.mask = (1u << FAULT_KINDS) - 1};
    int plain = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            options.first = strtoull(argv[++i], NULL, 10);
            options.count = 1;
        } else if (strcmp(argv[i], "--faults") == 0 && i + 1 < argc) {
            options.manner.mask = mask_of(argv[++i]);
        } else if (strcmp(argv[i], "--without") == 0 && i + 1 < argc) {
            options.manner.mask &= ~mask_of(argv[++i]);
        } else if (strcmp(argv[i], "--restores") == 0) {
            options.manner.restores = true;
        } else if (strcmp(argv[i], "--etcd-restores") == 0) {
            options.manner.etcd_restores = true;
        } else if (strcmp(argv[i], "--trace") == 0) {
            options.manner.trace = true;
        } else if (strcmp(argv[i], "--until-broken") == 0) {
            options.until_broken = true;
        } else if (plain++ == 0) {
            options.count = strtoull(argv[i], NULL, 10);
        } else {
            options.first = strtoull(argv[i], NULL, 10);
        }
    }
    return options;
}

static void print_tally(const struct tally *tally, double seconds)
{
    printf("%-22s", "fault at a node that is");
    for (int state = 0; state < FAULT_STATES; state++) {
        printf("%9s", fault_state_name((enum fault_state)state));
    }
    printf("\n");
    for (int kind = 0; kind < FAULT_KINDS; kind++) {
        printf("%-23s", fault_name((enum fault_kind)kind));
        for (int state = 0; state < FAULT_STATES; state++) {
            printf("%9llu", (unsigned long long)tally->faults[kind][state]);
        }
        printf("\n");
    }
    printf("measured: %llu seeds, %.1f simulated hours in %.0f s; %llu commands sent, %llu "
           "acknowledged (%llu provisional), %llu takes, %llu events, %llu times deaf for 8 s; at "
           "most %.1f s to one state\n",
           (unsigned long long)tally->seeds, (double)tally->simulated_us / 3.6e9, seconds,
           (unsigned long long)tally->commands, (unsigned long long)tally->acknowledged,
           (unsigned long long)tally->provisional, (unsigned long long)tally->takes,
           (unsigned long long)tally->events, (unsigned long long)tally->deaf,
           (double)tally->converged_max / 1e6);
}

int main(int argc, char **argv)
{
    struct options options = read_options(argc, argv);
    struct tally tally = {0};
    time_t begun = time(NULL);
    uint64_t failed = 0;

    vr_log_set_level(VR_LOG_INFO);
    for (uint64_t i = 0; i < options.count; i++) {
        uint64_t seed = options.first + i;

        failed += simulate(seed, &options.manner, &tally) ? 0 : 1;
        if (failed > 0 && options.until_broken) {
            printf("caught by seed %llu\n", (unsigned long long)seed);
            return 0;
        }
    }
    if (options.manner.restores) {
        printf("measured: a steward deleted and restored a room %llu times; %llu times it had come "
               "back by itself\n",
               (unsigned long long)tally.restores, (unsigned long long)tally.revived);
    }
    if (options.manner.etcd_restores) {
        printf(
            "measured: etcd was restored and adopted %llu times; %llu times a node did not notice "
            "before\n",
            (unsigned long long)tally.adopted, (unsigned long long)tally.unaware);
    }
    print_tally(&tally, difftime(time(NULL), begun));
    printf("%llu passed, %llu failed\n", (unsigned long long)(tally.seeds - failed),
           (unsigned long long)failed);
    return failed > 0 || options.until_broken ? 1 : 0;
}
