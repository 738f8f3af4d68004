/* voiceroomd_main.c - the program: flags, signals, start, stop. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "actors/base/log.h"
#include "nodes/config.h"
#include "nodes/node.h"
#include "nodes/notify.h"
#include "nodes/parent.h"
#include "nodes/store_tools.h"
#include "store/lmdb.h"

#define FLAGS_MAX 64
#define READY_PATIENCE VR_SECONDS(20)

extern char **environ;

enum wish {
    WISH_RUN,
    WISH_CHECK,
    WISH_PRINT,
    WISH_REPAIR,
    WISH_SECRET,
    WISH_KEYS,
    WISH_TAKE_OVER,
    WISH_HELP,
    WISH_VERSION
};

struct wishes {
    enum wish wish;
    const char *file;
    const char *secret; /* where to */
    const char *layout; /* what is to be taken over */
    uint32_t flag_count;
    struct vr_config_flag flags[FLAGS_MAX];
    char names[FLAGS_MAX][48];
};

static void help_print(void)
{
    struct vr_buf settings = {0};

    vr_config_help(&settings);
    printf("voiceroomd - a node of Voicerooms: live voice rooms, self-hosted\n\n"
           "  voiceroomd [--config FILE] [--SETTING VALUE ...]   run until SIGINT or SIGTERM\n"
           "  voiceroomd --check-config [...]   judge the settings: exit 0 or 1, with the line\n"
           "  voiceroomd --print-config [...]   the settings in force, secrets masked\n"
           "  voiceroomd --repair [...]         a new store from what can be read of the old\n"
           "  voiceroomd --cluster-secret FILE  write what the nodes of a cluster share\n"
           "  voiceroomd --new-cluster-keys     this node proves itself to the others by new keys\n"
           "  voiceroomd --store-copy DATA FOLDER | --store-check FOLDER | --store-room ROOM "
           "FOLDER DATA |\n"
           "  --store-rows ROOM FOLDER FILE\n"
           "                                    for voiceroomctl backup\n"
           "  voiceroomd --help | --version\n\n"
           "Settings, each in the file (YAML), in the environment, or as a flag (--http-port "
           "9000). Flags\n"
           "beat the environment, which beats the file. Lists are written a,b in flags and "
           "environment.\n\n"
           "%.*s",
           (int)settings.size, (const char *)settings.data);
    vr_buf_deinit(&settings);
}

/** "--http-port" is the setting http_port. */
static bool flag_name(const char *arg, char out[48])
{
    size_t size = 0;

    for (const char *at = arg + 2; *at != 0 && *at != '='; at++) {
        if (size == 47) {
            return false;
        }
        out[size] = *at;
        if (*at == '-') {
            out[size] = '_';
        }
        size++;
    }
    out[size] = 0;
    return vr_config_known(out);
}

static bool flag_take(struct wishes *wishes, char **argv, int *at)
{
    char *name = wishes->names[wishes->flag_count];
    const char *value = strchr(argv[*at], '=');

    if (wishes->flag_count == FLAGS_MAX || strncmp(argv[*at], "--", 2) != 0 ||
        !flag_name(argv[*at], name)) {
        fprintf(stderr, "voiceroomd: what is \"%s\"? See voiceroomd --help\n", argv[*at]);
        return false;
    }
    value = value != NULL ? value + 1 : argv[*at + 1];
    if (value == NULL) {
        fprintf(stderr, "voiceroomd: %s needs a value\n", argv[*at]);
        return false;
    }
    *at += strchr(argv[*at], '=') == NULL ? 1 : 0;
    wishes->flags[wishes->flag_count++] = (struct vr_config_flag){.name = name, .value = value};
    return true;
}

static bool wishes_read(int argc, char **argv, struct wishes *out)
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];

        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            out->wish = WISH_HELP;
        } else if (strcmp(arg, "--version") == 0) {
            out->wish = WISH_VERSION;
        } else if (strcmp(arg, "--check-config") == 0) {
            out->wish = WISH_CHECK;
        } else if (strcmp(arg, "--print-config") == 0) {
            out->wish = WISH_PRINT;
        } else if (strcmp(arg, "--repair") == 0) {
            out->wish = WISH_REPAIR;
        } else if (strcmp(arg, "--cluster-secret") == 0 && i + 1 < argc) {
            out->wish = WISH_SECRET;
            out->secret = argv[++i];
        } else if (strcmp(arg, "--new-cluster-keys") == 0) {
            out->wish = WISH_KEYS;
        } else if (strcmp(arg, "--takes-over") == 0 && i + 1 < argc) {
            out->wish = WISH_TAKE_OVER;
            out->layout = argv[++i];
        } else if (strcmp(arg, "--config") == 0 && i + 1 < argc) {
            out->file = argv[++i];
        } else if (!flag_take(out, argv, &i)) {
            return false;
        }
    }
    return true;
}

/* A second signal, or a clean end that takes too long: go at once. Both only call what a handler
 * may. */
static void on_second_signal(int number)
{
    (void)number;
    _exit(130);
}

static void on_too_long(int number)
{
    static const char text[] = "voiceroomd: stopping took too long, giving up\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

    (void)ignored;
    (void)number;
    _exit(3);
}

/** Below a parent SIGUSR1 says stop, and what a terminal says is the parent's (parent.h). */
static void signals_block(sigset_t *set, bool below)
{
    sigemptyset(set);
    if (below) {
        sigaddset(set, SIGUSR1);
    } else {
        sigaddset(set, SIGINT);
        sigaddset(set, SIGTERM);
    }
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL); /* before any thread: they inherit it */
    signal(SIGPIPE, SIG_IGN);
}

static void files_allow(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Ready is said when others are served: in a cluster once the node is a member. Etcd may be away
 * for long, though, and a start without end would be taken for a failure: then it is said anyway.
 */
static void ready_tell(struct vr_node *node, vr_time_us started, vr_time_us now, bool *told)
{
    struct vr_buf ignored = {0};
    bool ready = vr_node_ready(node, &ignored);

    vr_buf_deinit(&ignored);
    if (ready || now > started + READY_PATIENCE) {
        *told = vr_notify(ready ? "READY=1\nSTATUS=ready"
                                : "READY=1\nSTATUS=running, but not ready: see /readyz");
    }
}

/** Until SIGUSR1 says stop. Meanwhile the parent reads in its page how it goes. */
static void signals_serve_below(struct vr_node *node, const sigset_t *set,
                                struct vr_parent_page *page)
{
    const struct vr_clock *clock = vr_clock_system();
    struct timespec patience = {.tv_nsec = 500 * 1000 * 1000};
    int number = 0;

    atomic_store(&page->served_us, clock->now(clock->ctx));
    atomic_store(&page->state, VR_NODE_SERVING);
    if (atomic_load(&page->reloaded)) {
        vr_node_reload_soon(node); /* the one before had done so too */
    }
    do {
        struct vr_buf ignored = {0};

        atomic_store(&page->alive_us, clock->now(clock->ctx) - vr_node_longest_still(node));
        if (atomic_load(&page->state) == VR_NODE_SERVING && vr_node_ready(node, &ignored)) {
            atomic_store(&page->state, VR_NODE_READY);
        }
        vr_buf_deinit(&ignored);
        number = sigtimedwait(set, NULL, &patience);
        if (number == SIGHUP) {
            vr_node_reload_soon(node);
        }
    } while (number != SIGUSR1);
}

/** Until a signal says stop. Meanwhile the service manager is told that all is well; a loop that
 * hangs makes that stop, and the manager starts the program anew. */
static void signals_serve(struct vr_node *node, const sigset_t *set)
{
    const struct vr_clock *clock = vr_clock_system();
    vr_time_us patience = vr_notify_watchdog();
    vr_time_us started = clock->now(clock->ctx);
    bool terminal = isatty(STDIN_FILENO) == 1;
    bool told = getenv("NOTIFY_SOCKET") == NULL;

    for (;;) {
        vr_time_us wait = patience > 0 ? patience / 4 : VR_SECONDS(3600);
        vr_time_us now = 0;
        int number = 0;

        if (!told) {
            wait = VR_MS(100);
        }
        number = sigtimedwait(set, NULL,
                              &(struct timespec){.tv_sec = (time_t)(wait / VR_SECONDS(1)),
                                                 .tv_nsec = (wait % VR_SECONDS(1)) * 1000});
        now = clock->now(clock->ctx);
        /* A terminal that is closed ends what it started; from anybody else: read again. */
        if (number == SIGHUP && !terminal) {
            vr_node_reload_soon(node);
        } else if (number > 0) {
            return;
        }
        if (!told) {
            ready_tell(node, started, now, &told);
        }
        if (patience > 0 && vr_node_longest_still(node) < patience / 2) {
            vr_notify("WATCHDOG=1");
        }
    }
}

static void end_signals(const sigset_t *set, bool below, unsigned patience_s)
{
    signal(SIGHUP, SIG_IGN);
    if (below) {
        signal(SIGUSR1, on_second_signal);
    } else {
        signal(SIGINT, on_second_signal);
        signal(SIGTERM, on_second_signal);
    }
    signal(SIGALRM, on_too_long);
    alarm(patience_s);
    pthread_sigmask(SIG_UNBLOCK, set, NULL);
}

static void addresses_print(const struct vr_node *node)
{
    struct vr_buf about = {0};

    vr_node_describe(node, &about);
    fwrite(about.data, 1, about.size, stdout);
    fflush(stdout);
    vr_buf_deinit(&about);
}

static int run(const struct vr_config *config)
{
    const struct vr_inherit *inherit = config->inherit;
    struct vr_node *node = NULL;
    struct vr_why why = {0};
    sigset_t set;

    files_allow();
    signals_block(&set, inherit != NULL);
    if (vr_node_start(config, &node, &why) != VR_OK) {
        fprintf(stderr, "voiceroomd: %s\n", why.text);
        return why.code == VR_E_EXISTS ? 2 : 1;
    }
    if (inherit == NULL) {
        addresses_print(node);
        signals_serve(node, &set);
    } else {
        if (atomic_load(&inherit->page->starts) == 1) {
            addresses_print(node);
        }
        signals_serve_below(node, &set, inherit->page);
    }
    vr_notify("STOPPING=1");
    end_signals(&set, inherit != NULL, (unsigned)config->shutdown_s);
    return vr_node_stop(node) ? 0 : 3;
}

/** Below a parent, or as the only process. */
static int run_supervised(struct vr_config *config, char **argv)
{
    const struct vr_parent_conf conf = {
        .config = config, .argv = argv, .memory_size = vr_node_memory_size(config)};
    const struct vr_inherit *inherit = NULL;
    int code = 0;

    if (config->supervise) {
        files_allow();
        if (!vr_parent_run(&conf, &inherit, &code)) {
            return code; /* here is the parent, and all is over */
        }
        config->inherit = inherit;
    }
    return run(config);
}

static int settings_print(const struct vr_config *config)
{
    struct vr_buf text = {0};

    vr_config_print(config, &text);
    fwrite(text.data, 1, text.size, stdout);
    vr_buf_deinit(&text);
    return 0;
}

/** Before any thread: reading a damaged file goes on in child processes. */
static int store_repair(const struct vr_config *config)
{
    struct vr_salvage_counts counts = {0};
    struct vr_why why = {0};

    if (vr_lmdb_salvage(config->data, &why, &counts) != VR_OK) {
        fprintf(stderr, "voiceroomd: %s\n", why.text);
        return why.code == VR_E_EXISTS ? 2 : 1;
    }
    printf("%llu records are in the new store of %s; lost: %llu values, and what stood at %llu "
           "unreadable places.\nThe damaged file is kept there as %s.\n",
           (unsigned long long)counts.kept, config->data, (unsigned long long)counts.values_lost,
           (unsigned long long)counts.spots, counts.aside);
    return 0;
}

static int secret_export(const struct vr_config *config, const char *file)
{
    struct vr_why why = {0};

    if (vr_node_secret_export(config, file, &why) != VR_OK) {
        fprintf(stderr, "voiceroomd: %s\n", why.text);
        return why.code == VR_E_EXISTS ? 2 : 1;
    }
    printf("%s holds the secret of the cluster: copy it to every node, mode 0600, and name it as\n"
           "secret_file in the part cluster: of each configuration.\n",
           file);
    return 0;
}

static int keys_renew(const struct vr_config *config)
{
    char key[VR_NODE_KEY_TEXT];
    struct vr_why why = {0};

    if (vr_node_keys_renew(config, key, &why) != VR_OK) {
        fprintf(stderr, "voiceroomd: %s\n", why.text);
        return why.code == VR_E_EXISTS ? 2 : 1;
    }
    printf("%s is the new public key of this node; the others read it in etcd once it starts.\n",
           key);
    return 0;
}

static int with_settings(const struct wishes *wishes, char **argv)
{
    struct vr_config config;
    struct vr_why why = {0};
    enum vr_log_level level = VR_LOG_INFO;
    int code = 1;

    if (vr_config_load(wishes->file, environ, wishes->flags, wishes->flag_count, &config, &why) !=
        VR_OK) {
        fprintf(stderr, "voiceroomd: %s\n", why.text);
    } else if (wishes->wish == WISH_TAKE_OVER) {
        code = vr_parent_takes_over(&config, wishes->layout) ? 0 : 1;
    } else if (wishes->wish == WISH_CHECK) {
        printf("the settings are good\n");
        code = 0;
    } else if (wishes->wish == WISH_PRINT) {
        code = settings_print(&config);
    } else if (wishes->wish == WISH_REPAIR) {
        code = store_repair(&config);
    } else if (wishes->wish == WISH_SECRET) {
        code = secret_export(&config, wishes->secret);
    } else if (wishes->wish == WISH_KEYS) {
        code = keys_renew(&config);
    } else {
        if (vr_log_level_parse(config.log_level, &level)) {
            vr_log_set_level(level);
        }
        vr_log_set_node(config.node);
        code = run_supervised(&config, argv);
    }
    vr_config_free(&config);
    return code;
}

int main(int argc, char **argv)
{
    static struct wishes wishes;
    int code = 0;

    if (vr_store_tool(argc, argv, &code)) {
        return code;
    }
    if (!wishes_read(argc, argv, &wishes)) {
        return 1;
    }
    if (wishes.wish == WISH_HELP) {
        help_print();
        return 0;
    }
    if (wishes.wish == WISH_VERSION) {
        printf("voiceroomd 0.1.0\n");
        return 0;
    }
    return with_settings(&wishes, argv);
}
