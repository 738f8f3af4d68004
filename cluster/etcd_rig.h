/* etcd_rig.h - real etcd members on loopback in a folder of their own, for tests. */
#ifndef VR_CLUSTER_ETCD_RIG_H
#define VR_CLUSTER_ETCD_RIG_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RIG_MEMBERS 3

struct etcd_rig {
    char folder[64];
    uint32_t count;
    bool tls;
    uint16_t client_port[RIG_MEMBERS], peer_port[RIG_MEMBERS];
    char endpoint[RIG_MEMBERS][64];
    const char *endpoints[RIG_MEMBERS];
    pid_t pid[RIG_MEMBERS]; /* 0: not running */
    char ca[96], cert[96], key[96];
    char stranger_cert[96], stranger_key[96]; /* of another authority */
};

/* Runs it to its end, its output into a file of the folder; false when it did not exit with 0. */
static inline bool rig_run(const struct etcd_rig *rig, const char *const argv[])
{
    pid_t pid = fork();
    char log[128];
    int status;

    if (pid == 0) {
        snprintf(log, sizeof(log), "%s/run.log", rig->folder);
        int fd = open(log, O_CREAT | O_WRONLY | O_APPEND, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static inline uint16_t rig_free_port(int *fd)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(addr);

    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(*fd, (struct sockaddr *)&addr, size) != 0 ||
        getsockname(*fd, (struct sockaddr *)&addr, &size) != 0) {
        return 0;
    }
    return ntohs(addr.sin_port);
}

static inline bool rig_authority(const struct etcd_rig *rig, const char *name)
{
    char key[128], cert[128], subject[64];

    snprintf(key, sizeof(key), "%s/%s-ca.key", rig->folder, name);
    snprintf(cert, sizeof(cert), "%s/%s-ca.pem", rig->folder, name);
    snprintf(subject, sizeof(subject), "/CN=%s authority", name);
    return rig_run(rig,
                   (const char *const[]){"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                                         "-subj", subject, "-keyout", key, "-out", cert, NULL});
}

/* etcd's gateway speaks to etcd itself with the server's certificate: it must be a client's, too.
 */
static inline bool rig_certificate(const struct etcd_rig *rig, const char *name, char *cert,
                                   char *key)
{
    char ca_key[128], ca[128];

    snprintf(ca_key, sizeof(ca_key), "%s/%s-ca.key", rig->folder, name);
    snprintf(ca, sizeof(ca), "%s/%s-ca.pem", rig->folder, name);
    snprintf(key, 96, "%s/%s.key", rig->folder, name);
    snprintf(cert, 96, "%s/%s.pem", rig->folder, name);
    return rig_authority(rig, name) &&
           rig_run(rig, (const char *const[]){"openssl",
                                              "req",
                                              "-x509",
                                              "-newkey",
                                              "ec",
                                              "-pkeyopt",
                                              "ec_paramgen_curve:prime256v1",
                                              "-nodes",
                                              "-days",
                                              "2",
                                              "-subj",
                                              "/CN=node",
                                              "-CA",
                                              ca,
                                              "-CAkey",
                                              ca_key,
                                              "-addext",
                                              "subjectAltName=IP:127.0.0.1",
                                              "-addext",
                                              "basicConstraints=critical,CA:FALSE",
                                              "-addext",
                                              "extendedKeyUsage=serverAuth,clientAuth",
                                              "-keyout",
                                              key,
                                              "-out",
                                              cert,
                                              NULL});
}

static inline void rig_start(struct etcd_rig *rig, uint32_t member)
{
    char name[8], data[128], client[64], peer[64], cluster[256] = "", log[128];
    const char *argv[40];
    size_t n = 0, at = 0;

    snprintf(name, sizeof(name), "m%u", member);
    snprintf(data, sizeof(data), "%s/m%u", rig->folder, member);
    snprintf(log, sizeof(log), "%s/m%u.log", rig->folder, member);
    snprintf(client, sizeof(client), "%s", rig->endpoint[member]);
    snprintf(peer, sizeof(peer), "http://127.0.0.1:%u", rig->peer_port[member]);
    for (uint32_t i = 0; i < rig->count; i++) {
        at += (size_t)snprintf(cluster + at, sizeof(cluster) - at, "%sm%u=http://127.0.0.1:%u",
                               i == 0 ? "" : ",", i, rig->peer_port[i]);
    }
    const char *const plain[] = {"etcd",  "--name",
                                 name,    "--data-dir",
                                 data,    "--listen-client-urls",
                                 client,  "--advertise-client-urls",
                                 client,  "--listen-peer-urls",
                                 peer,    "--initial-advertise-peer-urls",
                                 peer,    "--initial-cluster",
                                 cluster, "--log-level",
                                 "error", "--logger",
                                 "zap"};
    const char *const tls[] = {"--cert-file",        rig->cert,           "--key-file", rig->key,
                               "--client-cert-auth", "--trusted-ca-file", rig->ca};

    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        argv[n++] = plain[i];
    }
    for (size_t i = 0; rig->tls && i < sizeof(tls) / sizeof(tls[0]); i++) {
        argv[n++] = tls[i];
    }
    argv[n] = NULL;
    rig->pid[member] = fork();
    if (rig->pid[member] == 0) {
        int fd = open(log, O_CREAT | O_WRONLY | O_APPEND, 0600);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever becomes of the test */
        dup2(fd, 1);
        dup2(fd, 2);
        execvp("etcd", (char *const *)argv);
        _exit(127);
    }
}

static inline void rig_kill(struct etcd_rig *rig, uint32_t member)
{
    if (rig->pid[member] > 0) {
        kill(rig->pid[member], SIGKILL);
        waitpid(rig->pid[member], NULL, 0);
    }
    rig->pid[member] = 0;
}

/* Made, not started. */
static inline bool rig_make(struct etcd_rig *rig, uint32_t count, bool tls)
{
    int fds[2 * RIG_MEMBERS];
    bool good = true;

    *rig = (struct etcd_rig){.count = count, .tls = tls};
    snprintf(rig->folder, sizeof(rig->folder), "/tmp/voiceroom-etcd-XXXXXX");
    if (mkdtemp(rig->folder) == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        rig->client_port[i] = rig_free_port(&fds[2 * i]);
        rig->peer_port[i] = rig_free_port(&fds[2 * i + 1]);
        snprintf(rig->endpoint[i], sizeof(rig->endpoint[i]), "%s://127.0.0.1:%u",
                 tls ? "https" : "http", rig->client_port[i]);
        rig->endpoints[i] = rig->endpoint[i];
    }
    for (uint32_t i = 0; i < 2 * count; i++) {
        close(fds[i]);
    }
    if (tls) {
        good = rig_certificate(rig, "own", rig->cert, rig->key) &&
               rig_certificate(rig, "strange", rig->stranger_cert, rig->stranger_key);
        snprintf(rig->ca, sizeof(rig->ca), "%s/own-ca.pem", rig->folder);
    }
    return good;
}

static inline int rig_remove_one(const char *path, const struct stat *status, int flag,
                                 struct FTW *at)
{
    (void)status;
    (void)flag;
    (void)at;
    return remove(path);
}

static inline void rig_end(struct etcd_rig *rig)
{
    for (uint32_t i = 0; i < rig->count; i++) {
        rig_kill(rig, i);
    }
    nftw(rig->folder, rig_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
