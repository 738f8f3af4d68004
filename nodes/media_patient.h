/* media_patient.h - a second socket beside each of a media port, on the same address and port, for
 * what is not urgent: STUN, DTLS and receiver reports (patience.h says why and when it is read).
 *
 * The kernel sorts: both sockets are one SO_REUSEPORT group, and a classic BPF program, which sees
 * the bytes of the datagram, names the socket (socket(7), SO_ATTACH_REUSEPORT_CBPF, Linux 4.5).
 * Whatever the program does not name, and all while there is no second socket, comes by the first
 * one. That one is bound alone, so that a port in use is refused as ever, and joins a group only
 * then. What is sent leaves by the first one.
 *
 * The second socket is this process's own and ends with it: while no process is there everything
 * waits in the first one, which the parent holds. */
#ifndef VR_NODES_MEDIA_PATIENT_H
#define VR_NODES_MEDIA_PATIENT_H

/** A second socket for the address and port of `first`, which is bound; -1: the kernel does not do
 * it, with errno set, and all comes by the first as before. The caller closes it. */
int vr_media_patient_open(int first);

#endif
