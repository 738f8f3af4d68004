/* parent.c - fork, wait, fork again; and when not to. */
#include "nodes/parent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actors/base/log.h"
#include "actors/media/engine.h"
#include "nodes/config.h"
#include "nodes/crash.h"
#include "nodes/node.h"
#include "nodes/notify.h"
#include "nodes/parent_internal.h"

#define READY_PATIENCE VR_SECONDS(20)
#define LAME_MAX 5   /* it died so often before it served: no memory is to blame */
#define RETRY_MAX 20 /* it ended so often: a port or the store may still be another one's */
#define RETRY_WAIT VR_MS(100)
#define LOOP_WINDOW VR_SECONDS(10)

/* A sanitizer reports faults by itself, and its report says more. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

static vr_time_us clock_now(void)
{
    return vr_clock_system()->now(vr_clock_system()->ctx);
}

static struct timespec span(vr_time_us time)
{
    return (struct timespec){.tv_sec = (time_t)(time / VR_SECONDS(1)),
                             .tv_nsec = (time % VR_SECONDS(1)) * 1000};
}

/* --- the node's side of the fork --- */

static void become_node(struct vr_parent *parent, pid_t above)
{
    sigset_t own;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != above) {
        _exit(1); /* it died before the line above */
    }
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&own);
    sigaddset(&own, SIGUSR1);
    sigaddset(&own, SIGHUP);
    sigprocmask(SIG_SETMASK, &own, NULL);
    unsetenv("NOTIFY_SOCKET"); /* the parent speaks with the manager */
    unsetenv("WATCHDOG_USEC");
    if (!SANITIZED) {
        vr_crash_blame(parent->held.memory, parent->held.memory_size);
        vr_crash_watch(parent->report);
    }
}

/** True in the node. A fork that fails leaves parent->node 0. */
static bool node_fork(struct vr_parent *parent)
{
    struct vr_parent_page *page = parent->held.page;
    pid_t above = getpid();

    vr_crash_path(parent->conf->config->data, parent->report, sizeof(parent->report));
    parent->held.served =
        atomic_load(&page->starts) > 0 && atomic_load(&page->state) != VR_NODE_STARTING;
    atomic_store(&page->state, VR_NODE_STARTING);
    atomic_store(&page->alive_us, 0);
    atomic_fetch_add(&page->starts, 1);
    parent->forked = clock_now();
    fflush(NULL);
    parent->node = fork();
    if (parent->node == 0) {
        become_node(parent, above);
        return true;
    }
    if (parent->node < 0) {
        vr_log(VR_LOG_ERROR, "no process for the node", VR_S("why", strerror(errno)));
        parent->node = 0;
    }
    return false;
}

/* --- its end --- */

static void death_note(struct vr_parent *parent, int number, bool served)
{
    parent->death.number = number;
    parent->death.node = parent->node;
    parent->death.lived = clock_now() - parent->forked;
    parent->death.served = served;
    memcpy(parent->death.report, parent->report, sizeof(parent->report));
}

/** Once the next one is on its way: a slow disk must not keep speech waiting. */
static void death_tell(struct vr_parent *parent)
{
    int number = parent->death.number;
    char line[160];

    if (number == 0) {
        return;
    }
    parent->death.number = 0;
    snprintf(line, sizeof(line), "node process %d died of signal %d (%s) after %lld ms%s",
             (int)parent->death.node, number, strsignal(number),
             (long long)(parent->death.lived / 1000),
             parent->death.served ? "" : ", before it served");
    vr_crash_note(parent->death.report, line);
    vr_log(VR_LOG_ERROR, "the node died, and is started again", VR_I("signal", number),
           VR_U("deaths", atomic_load(&parent->held.page->deaths)),
           VR_S("report", parent->death.report));
}

/** What was kept may be what kills: after three deaths in ten seconds it starts without. */
static void loop_break(struct vr_parent *parent, vr_time_us now)
{
    memmove(parent->deaths + 1, parent->deaths, sizeof(parent->deaths) - sizeof(parent->deaths[0]));
    parent->deaths[0] = now;
    if (parent->deaths[RECENT_DEATHS - 1] == 0 ||
        now - parent->deaths[RECENT_DEATHS - 1] > LOOP_WINDOW) {
        return;
    }
    memset(parent->deaths, 0, sizeof(parent->deaths));
    vr_inherit_wipe(&parent->held);
    atomic_fetch_add(&parent->held.page->empty_starts, 1);
    atomic_store(&parent->held.page->emptied_us, now);
    vr_log(VR_LOG_ERROR, "three deaths in ten seconds: the node starts with nothing in memory, and "
                         "whoever was connected must come back");
}

/** Did it die, to be started again? Else `*code` is what the parent ends with. */
static bool node_ended(struct vr_parent *parent, int status, int *code)
{
    struct vr_parent_page *page = parent->held.page;
    bool served = atomic_load(&page->state) != VR_NODE_STARTING;
    vr_time_us now = clock_now();
    bool again = false;

    parent->lame = served ? 0 : parent->lame + 1;
    if (WIFEXITED(status)) {
        /* It ended by its own decision, and said why. Right after a death a port or the store may
         * not be free yet. */
        *code = WEXITSTATUS(status);
        again = !parent->stopping && !served && atomic_load(&page->starts) > 1 &&
                parent->lame < RETRY_MAX;
        if (again) {
            nanosleep(&(struct timespec){.tv_nsec = RETRY_WAIT * 1000}, NULL);
        }
        return again;
    }
    *code = 128 + WTERMSIG(status);
    if (parent->stopping) {
        return false;
    }
    atomic_store(&page->died_of, (uint32_t)WTERMSIG(status));
    atomic_store(&page->died_us, now);
    atomic_fetch_add(&page->deaths, 1);
    death_note(parent, WTERMSIG(status), served);
    if (parent->lame >= LAME_MAX) {
        death_tell(parent);
        vr_log(VR_LOG_ERROR, "the node died at every start: given up");
        return false;
    }
    loop_break(parent, now);
    return true;
}

/* --- the service manager --- */

static void manager_tell(struct vr_parent *parent)
{
    const struct vr_parent_page *page = parent->held.page;
    uint32_t state = atomic_load(&page->state);
    vr_time_us now = clock_now();
    vr_time_us alive = atomic_load(&page->alive_us);

    if (!parent->told && state == VR_NODE_READY) {
        parent->told = vr_notify("READY=1\nSTATUS=ready");
    } else if (!parent->told && state == VR_NODE_SERVING &&
               now > parent->started + READY_PATIENCE) {
        parent->told = vr_notify("READY=1\nSTATUS=running, but not ready: see /readyz");
    }
    if (parent->watchdog == 0 || parent->node == 0) {
        return;
    }
    alive = alive > parent->forked ? alive : parent->forked;
    if (now - alive < parent->watchdog / 2) {
        vr_notify("WATCHDOG=1");
    } else if (state != VR_NODE_STARTING && now - alive > parent->watchdog * 3 / 4) {
        /* Before the manager ends it all: a new node goes on with what the parent holds. */
        vr_log(VR_LOG_ERROR, "the node hangs");
        kill(parent->node, SIGABRT);
    }
}

/* --- the life of the parent --- */

static void signal_pass(struct vr_parent *parent, int number)
{
    if (number == SIGUSR2) {
        parent_upgrade(parent);
    } else if (number == SIGHUP && !parent->terminal) {
        atomic_store(&parent->held.page->reloaded, true);
        kill(parent->node, SIGHUP);
    } else {
        if (!parent->stopping) {
            vr_notify("STOPPING=1");
        }
        parent->stopping = true;
        kill(parent->node, SIGUSR1);
    }
}

/** Until the node has ended; its status. */
static int node_wait(struct vr_parent *parent)
{
    int status = 0;

    while (waitpid(parent->node, &status, WNOHANG) == 0) {
        vr_time_us wait = parent->watchdog > 0 ? parent->watchdog / 8 : VR_SECONDS(3600);
        struct timespec patience = span(parent->told ? wait : VR_MS(100));
        int number = sigtimedwait(&parent->set, NULL, &patience);

        if (number > 0 && number != SIGCHLD) {
            signal_pass(parent, number);
        }
        manager_tell(parent);
    }
    return status;
}

static void signals_take(struct vr_parent *parent)
{
    sigemptyset(&parent->set);
    sigaddset(&parent->set, SIGINT);
    sigaddset(&parent->set, SIGTERM);
    sigaddset(&parent->set, SIGHUP);
    sigaddset(&parent->set, SIGUSR1); /* the node's, blocked before it is there */
    sigaddset(&parent->set, SIGUSR2);
    sigaddset(&parent->set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &parent->set, NULL);
    sigdelset(&parent->set, SIGUSR1);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
}

static bool parent_open(struct vr_parent *parent)
{
    parent->started = clock_now();
    parent->terminal = isatty(STDIN_FILENO) == 1;
    parent->told = getenv("NOTIFY_SOCKET") == NULL;
    parent->watchdog = vr_notify_watchdog();
    signals_take(parent);
    parent_program_find(parent);
    parent_adopt(parent);
    if (!vr_inherit_make(&parent->held, parent->conf->memory_size)) {
        fprintf(stderr, "voiceroomd: no memory for what outlives a crash: %s\n", strerror(errno));
        return false;
    }
    /* What can't be opened here the node tries again, and says why it can't. */
    vr_node_sockets_hold(parent->conf->config, &parent->held);
    if (vr_engine_global_init() != VR_OK) {
        fprintf(stderr, "voiceroomd: the libraries for speech can't be set up\n");
        return false;
    }
    vr_inherit_unstore(); /* what another setting had opened */
    vr_inherit_store(&parent->held);
    return true;
}

/** Nothing is left behind for the next program: this was the end that was asked for. */
static void parent_close(struct vr_parent *parent, int code)
{
    if (parent->stopping || code == 0) {
        vr_inherit_wipe(&parent->held);
    }
    vr_inherit_unstore();
    vr_inherit_close(&parent->held);
}

bool vr_parent_run(const struct vr_parent_conf *conf, const struct vr_inherit **inherit, int *code)
{
    static struct vr_parent parent; /* the node's copy lives on in it */

    parent = (struct vr_parent){.conf = conf};
    *inherit = &parent.held;
    *code = 1;
    if (!parent_open(&parent)) {
        return false;
    }
    if (parent.node > 0) {
        /* The program before this one left it running until here. */
        kill(parent.node, SIGKILL);
        waitpid(parent.node, NULL, 0);
        parent.node = 0;
    }
    do {
        if (node_fork(&parent)) {
            return true;
        }
        death_tell(&parent);
    } while (parent.node > 0 && node_ended(&parent, node_wait(&parent), code));
    parent_close(&parent, *code);
    return false;
}

bool vr_parent_ask_upgrade(const struct vr_inherit *inherit)
{
    return inherit != NULL && kill(getppid(), SIGUSR2) == 0;
}
