/* config_table.h - every setting once: name, default, bounds, help. A new setting is a row here and
 * a member of struct vr_config. */
#ifndef VR_NODES_CONFIG_TABLE_H
#define VR_NODES_CONFIG_TABLE_H

/* clang-format off */
#define VR_SETTING_MAP(TEXT, NUMBER, SWITCH, LIST)                                                 \
    TEXT(node, "", "this node's name; empty: the machine's")                                       \
    TEXT(data, "voicerooms-data", "folder that holds everything durable")                          \
    TEXT(web, "", "folder of the built web application; empty: the one beside the program")        \
    TEXT(docs, "", "folder with openapi and asyncapi; empty: the one beside the program")          \
    TEXT(log_level, "info", "debug, info, warn, error or off")                                     \
    TEXT(http_address, "localhost", "where HTTP listens: an address, localhost, or * for all")     \
    NUMBER(http_port, 8080, 0, 65535, "TCP port of HTTP; 0: off")                                  \
    TEXT(https_address, "*", "where HTTPS listens: an address, localhost, or * for all")           \
    NUMBER(https_port, 8443, 0, 65535, "TCP port of HTTPS; 0: off")                                \
    TEXT(tls_certificate, "", "PEM file with the chain; empty: no HTTPS, but see tls_self_signed")  \
    TEXT(tls_key, "", "PEM file with the key of tls_certificate")                                  \
    SWITCH(tls_self_signed, false, "without a tls_certificate the node signs one itself, kept in the data folder: to try things out, browsers warn") \
    NUMBER(hsts_s, 15552000, 0, 63072000, "seconds for which browsers insist on HTTPS once they came by it; only with a tls_certificate that did not sign itself; 0: not told") \
    LIST(public_urls, "base addresses told to clients; empty: made from the local addresses")      \
    LIST(cors_origins, "origins of foreign pages that may call, each as https://host[:port]")      \
    LIST(media_addresses, "addresses for speech, told to clients, behind NAT each as LOCAL=PUBLIC; empty: all local ones") \
    NUMBER(media_port, 8444, 1, 65000, "UDP port of the first media worker; the others follow")    \
    NUMBER(media_tcp_port, 0, 0, 65000, "TCP port for speech of clients whose network lets no UDP through, of the first media worker; the others follow; may be the number of media_port; 0: off") \
    NUMBER(media_workers, 0, 0, 64, "threads for speech; 0: one less than cores, at least one")    \
    SWITCH(media_gso, true, "packets of several speakers wait up to 5 ms for each other and leave as one segmented datagram") \
    TEXT(media_pack, "auto", "frames of 20 ms that an audience gets in one packet: off, 3, 6, auto (3 from 500 listeners on, 6 on a busy node); where it is a number, or 6, who hears nothing is found within 5 s, not 2") \
    NUMBER(control_workers, 1, 1, 1, "threads for HTTP and rooms; only 1 is possible so far")      \
    TEXT(guests, "off", "who needs no token: off, localhost, link (others with the code), all")    \
    SWITCH(guests_may_create, true, "guests may create rooms, and are then their host")           \
    NUMBER(guest_token_s, 86400, 60, 2592000, "seconds that a guest's token is good for")          \
    LIST(ice_urls, "stun: and turn: addresses told to clients")                                    \
    TEXT(ice_username, "", "user name for the turn: addresses")                                    \
    TEXT(ice_credential_file, "", "file with the password for the turn: addresses")                \
    TEXT(ice_secret_file, "", "file with the secret shared with the turn: servers; names and passwords are then made from it for each join") \
    NUMBER(ice_credential_s, 3600, 60, 86400, "seconds for which what is made from ice_secret_file is good") \
    NUMBER(slots, 4, 1, 8, "streams that each listener receives")                                  \
    NUMBER(capacity_max, 10000, 1, 100000, "most participants that a room may ask for")            \
    NUMBER(capacity, 1000, 1, 100000, "participants of a room that asks for nothing")              \
    NUMBER(speaker_capacity, 50, 1, 10000, "speakers of a room that asks for nothing")             \
    NUMBER(grace_s, 15, 1, 600, "seconds that a lost person's place is kept")                      \
    NUMBER(idle_s, 60, 1, 86400, "seconds until an empty room sleeps")                             \
    NUMBER(host_grace_s, 60, 1, 86400, "seconds until a lost host has a successor")                \
    NUMBER(shard_peers_max, 500, 1, 100000, "people of one room on a media worker before the next one is used") \
    NUMBER(audience, 200, 0, 100000, "listeners of a room beyond which their coming and going is told as a count; 0: never") \
    NUMBER(chat_per_10s, 10, 1, 1000, "chat lines of one person in 10 seconds")                    \
    NUMBER(reactions_per_10s, 20, 1, 1000, "reactions of one person in 10 seconds")                \
    NUMBER(rate_per_address, 600, 0, 1000000, "requests in 60 seconds from one address; 0: no limit") \
    NUMBER(rate_per_identity, 300, 0, 1000000, "requests in 60 seconds with one identity; 0: no limit") \
    NUMBER(joins_per_second_max, 1000, 0, 100000, "people let in a second, fewer while the node runs late; the others are told when to ask again; 0: no limit") \
    NUMBER(connections_max, 20000, 10, 1000000, "open connections in all")                         \
    NUMBER(connections_per_address, 2000, 1, 1000000, "open connections from one address; this machine is exempt") \
    TEXT(agent_address, "localhost", "where agent_port listens: an address, localhost, or * for all") \
    NUMBER(agent_port, 0, 0, 65535, "TCP port that tells load balancers (HAProxy's agent-check) how ready the node is; 0: off") \
    NUMBER(packets_max, 0, 0, 100000000, "datagrams a second that this node can carry (make bench tells); counts for its stress; 0: not judged") \
    SWITCH(full_sends_on, false, "a node at stress 0.8 (until 0.65) sends who comes to the others of its cluster, as a drained one does") \
    NUMBER(audit_days, 365, 0, 36500, "days that audit entries are kept; 0: for ever")            \
    LIST(webhook_allow, "address ranges that webhooks may reach though they are not public, each as 10.0.0.0/8; http:// works there only") \
    NUMBER(webhook_attempts, 10, 1, 20, "how often a delivery is tried before it is a dead letter") \
    NUMBER(shutdown_s, 5, 1, 60, "seconds after which a clean end is given up")                    \
    SWITCH(supervise, true, "a small parent process holds the sockets and what clients hear, and starts the node again at once when it dies")

/* The part `cluster:` of the file; elsewhere with the prefix cluster_ (VOICEROOM_CLUSTER_ETCD, --cluster-etcd). */
#define VR_CLUSTER_SETTING_MAP(TEXT, NUMBER, SWITCH, LIST)                                         \
    LIST(etcd, "client addresses of etcd's members, as https://host:2379; empty: this node is alone") \
    TEXT(etcd_ca, "", "PEM file with the certificates that etcd's must come from")                 \
    TEXT(etcd_certificate, "", "PEM file with this node's certificate for etcd")                   \
    TEXT(etcd_key, "", "PEM file with the key of etcd_certificate")                                \
    TEXT(prefix, "/voiceroom/", "of all keys in etcd: one for each cluster")                       \
    TEXT(secret_file, "", "file with the cluster's secret, the same on all nodes (voiceroomd --cluster-secret)") \
    TEXT(region, "", "where this node is, for placement")                                          \
    TEXT(address, "", "this machine's address for other nodes")                                    \
    NUMBER(port, 8500, 1, 65000, "TCP port for messages of other nodes; the next one is for bulk")  \
    NUMBER(speech_port, 8510, 1, 65000, "UDP port for speech of other nodes to media worker 0; the others follow") \
    NUMBER(lease_s, 6, 3, 60, "seconds after which a silent node is taken for dead")               \
    NUMBER(fan_out, 16, 2, 64, "nodes to which one node sends a room's speech itself")

/* The part `tracing:` of the file; elsewhere with the prefix tracing_. */
#define VR_TRACING_SETTING_MAP(TEXT, NUMBER, SWITCH, LIST)                                         \
    TEXT(endpoint, "", "where spans go: a collector's OTLP over HTTP, as http://127.0.0.1:4318/v1/traces; empty: nothing is traced") \
    TEXT(ratio, "0", "part of the requests and commands without a traceparent that begin a trace, 0 to 1; with a sampled one all are traced") \
    TEXT(ca, "", "PEM file with the certificates that the collector's must come from; empty: the machine's")
/* clang-format on */

#endif
